import type { Floats, TransportOp } from '../floats.ts';

/**
 * How the ranks of a group reach each other. `ProcessGroup` checks the arguments and calls one operation at a time, in the order that
 * all ranks share, so that an implementation needs no queue of its own.
 *
 * After the first failure a transport is dead: every operation rejects with the reason of `failed`.
 */
export interface Transport {
  /** For people: `alone`, `tcp`, `mpi`. */
  readonly name: string;
  readonly rank: number;
  readonly worldSize: number;
  /** Aborts when the group is broken, also between two operations. Its reason is the error with which the group broke. */
  readonly failed: AbortSignal;
  /** Joins the numbers of all ranks in place. All ranks end with the same bytes, whatever the timing, and in every run. */
  allReduce(values: Floats, op: TransportOp): Promise<void>;
  /** Gives the bytes of the root to all, in place. */
  broadcast(bytes: Uint8Array, root: number): Promise<void>;
  /** The bytes of each rank, in the order of the ranks; lengths may differ. @returns undefined on other ranks than the root */
  gather(bytes: Uint8Array, root: number): Promise<readonly Uint8Array[] | undefined>;
  barrier(): Promise<void>;
  /** Tells the others why this rank ends; they fail with GROUP_ABORTED and this reason. Then as `close`. */
  abort(reason: string): Promise<void>;
  /** Leaves in good order. Every rank must call it; what the others then do no longer matters. */
  close(): Promise<void>;
}
