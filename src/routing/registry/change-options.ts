import type { Cause } from '../../core/index.ts';
import type { Expected } from './alias-table.ts';

export interface ChangeOptions {
  /** Who makes the change, and why. Default: the server itself. */
  readonly cause?: Cause | undefined;
}

export interface MoveOptions extends ChangeOptions, Expected {}

export interface RollbackOptions extends MoveOptions {
  /** A version of the name's history. Default: the one before the present one. */
  readonly to?: string | undefined;
}

export interface PinOptions extends MoveOptions {
  /** Also keeps the weights of its version in host memory. */
  readonly keepsWeights?: boolean | undefined;
}

export interface DrainOptions extends MoveOptions {
  /** Ends the waiting, but not the draining. */
  readonly signal?: AbortSignal | undefined;
}
