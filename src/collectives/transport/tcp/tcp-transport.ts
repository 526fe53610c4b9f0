import { EspalierError } from '../../../core/index.ts';
import type { Floats, TransportOp } from '../../floats.ts';
import type { Transport } from '../transport.ts';
import type { DataPlane } from './data-plane.ts';
import type { Link } from './link.ts';
import type { Listener } from './listener.ts';
import type { Members } from '../members/members.ts';
import type { RingPlace } from '../ring/plan.ts';
import { createKernels } from '../ring/ring-kernels.ts';
import { RingOperations } from '../ring/ring-operations.ts';
import type { RingOperation } from '../ring/ring.ts';
import { openPlane, type PlaneChoice } from './open-plane.ts';

export interface TcpParts extends RingPlace, PlaneChoice {
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
  readonly #plane: DataPlane;
  readonly #operations: RingOperations;

  constructor(parts: TcpParts) {
    const { rank, worldSize, members, next, before } = parts;
    this.rank = rank;
    this.worldSize = worldSize;
    this.#parts = parts;
    this.#operations = new RingOperations(parts, (operation) => this.#do(operation));
    const [behind, ahead] = [(rank + 1) % worldSize, (rank - 1 + worldSize) % worldSize];
    next.use(
      silent(() => this.#refuse(behind, 'it sent something on a link on which it only listens')),
      (error) => members.suspect(behind, error?.message ?? 'closed'),
    );
    this.#plane = openPlane(
      {
        rank,
        behind: { rank: behind, link: next },
        before: { rank: ahead, link: before },
        kernels: createKernels(),
        failed: members.failed,
        refuse: (peer, error) => this.#refuse(peer, error),
        suspect: (peer, why) => members.suspect(peer, why),
      },
      parts,
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
    const { members } = this.#parts;
    this.failed.throwIfAborted();
    members.begins();
    try {
      await this.#plane.run(operation);
    } finally {
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
