import type { TensorData } from '../tensor/index.ts';

/** The part of a request that a run needs. */
export interface RunRequest {
  /** In the order of the model's inputs. */
  readonly inputs: readonly TensorData[];
  readonly outputs: readonly string[];
  /** Rows along the first axis. */
  readonly rows: number;
}
