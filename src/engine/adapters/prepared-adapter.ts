import type { HostWeights } from '../../control/index.ts';
import type { NativeMemory } from '../../native/index.ts';

/** Where the weights of one module lie in the memory of their adapter, in bytes. */
export interface PreparedModule {
  readonly rank: number;
  /** f32 [rank, in] */
  readonly a: number;
  /** f32 [rank, out], turned over and scaled */
  readonly b: number;
  /** f32 [out]: DoRA's gain less 1; undefined where there is none. */
  readonly gain: number | undefined;
}

/** An adapter's weights as the stacked arrays have them, so that it is activated by copying alone. */
export interface PreparedAdapter extends HostWeights {
  readonly memory: NativeMemory;
  /** By path. */
  readonly modules: ReadonlyMap<string, PreparedModule>;
}
