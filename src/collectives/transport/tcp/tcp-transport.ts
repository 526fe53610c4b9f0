import { EspalierError } from '../../../core/index.ts';
import { typeOf, type Floats, type TransportOp } from '../../floats.ts';
import type { Transport } from '../transport.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import type { Signature } from './frame.ts';
import type { Link } from './link.ts';
import type { Listener } from './listener.ts';
import type { Members } from './members.ts';
import { planAllReduce, planBroadcast, planGather, type RingPlace } from './plan.ts';
import { operationOn, RingRun, type RingEnds, type RingOperation } from './ring.ts';

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
  #sequence = 0;
  #run: RingRun | undefined;

  constructor(parts: TcpParts) {
    const { rank, worldSize, members, next, before } = parts;
    this.rank = rank;
    this.worldSize = worldSize;
    this.#parts = parts;
    const [behind, ahead] = [(rank + 1) % worldSize, (rank - 1 + worldSize) % worldSize];
    const reader = new FrameReader((error) => this.#refuse(ahead, error));
    const writer = new FrameWriter(next.socket, () => this.#run?.flushed());
    this.#ends = { rank, before: ahead, reader, writer };
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

  async allReduce(values: Floats, op: TransportOp): Promise<void> {
    const signature = this.#signature({
      operation: `allReduce ${op}`,
      type: typeOf(values),
      total: values.byteLength,
    });
    await this.#do(operationOn(values, { plan: planAllReduce(values, this), signature }, op));
  }

  async broadcast(buffer: Uint8Array, root: number): Promise<void> {
    const plan = planBroadcast(buffer.byteLength, { ...this.#place, root });
    const signature = this.#signature({ operation: 'broadcast', type: 'bytes', total: buffer.byteLength });
    await this.#do({ plan, buffer, signature });
  }

  async gather(bytes: Uint8Array, root: number): Promise<readonly Uint8Array[] | undefined> {
    const counts = new Float64Array(this.worldSize);
    counts[this.rank] = bytes.byteLength;
    await this.allReduce(counts, 'sum');
    const lengths = [...counts];
    const starts = lengths.map((_, each) => lengths.slice(0, each).reduce((sum, length) => sum + length, 0));
    const buffer = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    buffer.set(bytes, starts[this.rank]);
    const plan = planGather(lengths, { ...this.#place, root });
    const signature = this.#signature({ operation: 'gather', type: 'bytes', total: buffer.byteLength });
    await this.#do({ plan, buffer, signature });
    if (this.rank !== root) return undefined;
    return lengths.map((length, each) => buffer.subarray(starts[each] ?? 0, (starts[each] ?? 0) + length));
  }

  async barrier(): Promise<void> {
    // WHY a number for each rank: of a smaller array some chunks were empty, and their rounds no wait.
    const values = new Float32Array(this.worldSize);
    const signature = this.#signature({ operation: 'barrier', type: 'float32', total: values.byteLength });
    await this.#do(operationOn(values, { plan: planAllReduce(values, this), signature }, 'sum'));
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

  get #place(): RingPlace {
    return { rank: this.rank, worldSize: this.worldSize };
  }

  #signature(rest: Omit<Signature, 'sequence'>): Signature {
    return { sequence: this.#sequence++, ...rest };
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
