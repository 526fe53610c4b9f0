import { EspalierError, Turns } from '../core/index.ts';
import { bytesOf, type Floats, type ReduceOp } from './floats.ts';
import type { Transport } from './transport/transport.ts';

/**
 * Processes that compute together, with the semantics of MPI: every rank calls the same operations in the same order, and an operation
 * ends on each rank with the same result. Calls are done one after the other.
 *
 * When a rank is lost, or aborts, the operations of all others reject, and `failed` aborts. The group is dead then.
 */
export class ProcessGroup implements AsyncDisposable {
  readonly rank: number;
  readonly worldSize: number;
  readonly #transport: Transport;
  readonly #turns = new Turns();
  #isClosed = false;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.rank = transport.rank;
    this.worldSize = transport.worldSize;
  }

  /** Aborts when the group is broken; its reason is the error. */
  get failed(): AbortSignal {
    return this.#transport.failed;
  }

  /** The name of the transport: `alone`, `tcp`, `mpi`. */
  get transport(): string {
    return this.#transport.name;
  }

  /**
   * Replaces the numbers by those of all ranks together. All ranks end with the same bytes, and in every run with the same.
   *
   * @param values  of the same type and length on every rank; must not be changed until the promise settles
   * @throws EspalierError GROUP_RANK_LOST, GROUP_ABORTED, GROUP_MISMATCH, GROUP_FRAME_INVALID, GROUP_CLOSED
   */
  async allReduce(values: Floats, op: ReduceOp = 'sum'): Promise<void> {
    await this.#next(() => this.#transport.allReduce(values, op === 'mean' ? 'sum' : op));
    if (op !== 'mean' || this.worldSize === 1) return;
    for (let i = 0; i < values.length; i++) values[i] = (values[i] ?? 0) / this.worldSize;
  }

  /** Replaces the numbers by those of the root. @throws EspalierError as `allReduce`; OPTION_INVALID */
  async broadcast(values: Floats | Uint8Array, { root = 0 }: { readonly root?: number } = {}): Promise<void> {
    this.#assertRank(root);
    await this.#next(() => this.#transport.broadcast(bytesOf(values), root));
  }

  /**
   * Collects bytes, whose length may differ from rank to rank.
   * @returns those of each rank in order on the root; undefined elsewhere
   * @throws EspalierError as `allReduce`; OPTION_INVALID
   */
  async gather(
    bytes: Uint8Array,
    { root = 0 }: { readonly root?: number } = {},
  ): Promise<readonly Uint8Array[] | undefined> {
    this.#assertRank(root);
    return this.#next(() => this.#transport.gather(bytes, root));
  }

  /** Waits until every rank has come here. @throws EspalierError as `allReduce` */
  async barrier(): Promise<void> {
    await this.#next(() => this.#transport.barrier());
  }

  /** Ends the group for all: the others fail with GROUP_ABORTED and this reason. */
  async abort(reason: string): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#transport.abort(reason);
  }

  /** Leaves in good order, after the last operation. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#transport.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #next<Result>(operation: () => Promise<Result>): Promise<Result> {
    return this.#turns.take('', async () => {
      this.failed.throwIfAborted();
      if (this.#isClosed) throw new EspalierError('GROUP_CLOSED', { rank: this.rank });
      return operation();
    });
  }

  #assertRank(root: number): void {
    if (Number.isSafeInteger(root) && root >= 0 && root < this.worldSize) return;
    throw new EspalierError('OPTION_INVALID', { name: 'root', expected: `0 to ${this.worldSize - 1}`, actual: root });
  }
}
