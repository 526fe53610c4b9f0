import { EspalierError } from '../../../core/index.ts';
import type { Floats, TransportOp } from '../../floats.ts';
import type { Transport } from '../transport.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import type { Link } from './link.ts';
import type { Listener } from './listener.ts';
import type { Members } from '../members/members.ts';
import type { RingPlace } from '../ring/plan.ts';
import { createKernels } from '../ring/ring-kernels.ts';
import { RingOperations } from '../ring/ring-operations.ts';
import { RingRun, type RingEnds, type RingOperation } from '../ring/ring.ts';

export interface TcpParts extends RingPlace {
  readonly members: Members;
  readonly listener: Listener;
  /** The link to the rank behind, to which this one sends. */
  readonly next: Link;
  /** The link to the rank before, which sends to this one. */
  readonly before: Link;
}

/** The ring of our own, over TCP. */
export class TcpTransport implements Transport {
  readonly name = 'tcp';
  readonly rank: number;
  readonly worldSize: number;
  readonly #parts: TcpParts;
  readonly #ends: RingEnds;
  readonly #operations: RingOperations;
  #run: RingRun | undefined;

  constructor(parts: TcpParts) {
    const { rank, worldSize, members, next, before } = parts;
    this.rank = rank;
    this.worldSize = worldSize;
    this.#parts = parts;
    this.#operations = new RingOperations(parts, (operation) => this.#do(operation));
    const [behind, ahead] = [(rank + 1) % worldSize, (rank - 1 + worldSize) % worldSize];
    const kernels = createKernels();
    const reader = new FrameReader(kernels, (error) => this.#refuse(ahead, error));
    const writer = new FrameWriter(next.socket, kernels, () => this.#run?.flushed());
    this.#ends = { rank, before: ahead, reader, writer, kernels };
    before.use(reader, (error) => members.suspect(ahead, error?.message ?? 'closed'));
    next.use(
      silent(() => this.#refuse(behind, 'it sent something on a link on which it only listens')),
      (error) => members.suspect(behind, error?.message ?? 'closed'),
    );
    members.failed.addEventListener('abort', () => this.#closeLinks(), { once: true });
    if (members.failed.aborted) this.#closeLinks();
  }

  get failed(): AbortSignal {
    return this.#parts.members.failed;
  }

  allReduce(values: Floats, op: TransportOp): Promise<void> {
    return this.#operations.allReduce(values, op);
  }

  broadcast(bytes: Uint8Array, root: number): Promise<void> {
    return this.#operations.broadcast(bytes, root);
  }

  gather(bytes: Uint8Array, root: number): Promise<readonly Uint8Array[] | undefined> {
    return this.#operations.gather(bytes, root);
  }

  barrier(): Promise<void> {
    return this.#operations.barrier();
  }

  async abort(reason: string): Promise<void> {
    await this.#parts.members.abort(reason);
    this.#closeLinks();
  }

  async close(): Promise<void> {
    // WHY not an error: nothing depends on the others any more.
    await this.barrier().catch(() => undefined);
    await this.#parts.members.leave();
    this.#closeLinks();
  }

  async #do(operation: RingOperation): Promise<void> {
    const { members, before } = this.#parts;
    this.failed.throwIfAborted();
    members.begins();
    let give: () => void = () => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        give = () => reject(this.failed.reason as Error);
        this.failed.addEventListener('abort', give, { once: true });
        this.#run = new RingRun(this.#ends, operation, resolve);
        this.#run.start();
        before.socket.resume();
      });
    } finally {
      this.failed.removeEventListener('abort', give);
      this.#run = undefined;
      members.ends();
    }
  }

  #refuse(peer: number, error: Error | string): void {
    const problem = typeof error === 'string' ? error : '';
    this.#parts.members.fail(
      typeof error === 'string' ? new EspalierError('GROUP_FRAME_INVALID', { peer, problem }) : error,
    );
  }

  #closeLinks(): void {
    const { next, before, listener } = this.#parts;
    listener.close();
    next.close();
    before.close();
  }
}

/** For a link on which nothing comes. */
function silent(onBytes: () => void): { room: () => Uint8Array; received: () => boolean; take: () => boolean } {
  const refuse = (): boolean => {
    onBytes();
    return false;
  };
  return { room: () => new Uint8Array(64), received: refuse, take: refuse };
}
