import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type Clock, EspalierError, messageOf } from '../../../core/index.ts';
import type { Floats, TransportOp } from '../../floats.ts';
import { Members } from '../members/members.ts';
import type { WatchLimits } from '../members/watch.ts';
import type { RingPlace } from '../ring/plan.ts';
import { createKernels } from '../ring/ring-kernels.ts';
import { RingOperations } from '../ring/ring-operations.ts';
import { RingRun, type RingOperation } from '../ring/ring.ts';
import type { Transport } from '../transport.ts';
import type { MessagePassing, Pending } from './message-passing.ts';
import { MpiReader, MpiWriter } from './mpi-frames.ts';
import { MpiPeer } from './mpi-peer.ts';

export interface MpiTransportOptions extends RingPlace {
  readonly messages: MessagePassing;
  readonly clock: Clock;
  readonly limits: WatchLimits;
  readonly timeoutMs: number;
  readonly onWarning: (message: string) => void;
}

/** Between two looks at what has come, while nothing is asked of the group. */
const idleMs = 100;
/** For which an operation looks without a pause. WHY a pause then: the rank that all wait for may need the core. */
const eagerMs = 2;
/** For last messages to come and go, and for all to leave. */
const partingMs = 1000;

/**
 * The ring of the plans over messages of MPI. WHY not MPI_Allreduce: in which order it sums is for the library to choose, by length and
 * number of ranks. Here sums have the order of all transports.
 *
 * No call waits: what is under way is asked about in turns of the event loop. MPI moves messages on only while it is called.
 */
export class MpiTransport implements Transport {
  readonly name = 'mpi';
  readonly rank: number;
  readonly worldSize: number;
  readonly #kernels = createKernels();
  readonly #messages: MessagePassing;
  readonly #clock: Clock;
  readonly #members: Members;
  readonly #peers: readonly MpiPeer[];
  readonly #reader: MpiReader;
  readonly #writer: MpiWriter;
  readonly #operations: RingOperations;
  readonly #timer: NodeJS.Timeout;

  constructor({ rank, worldSize, messages, clock, limits, timeoutMs, onWarning }: MpiTransportOptions) {
    [this.rank, this.worldSize, this.#messages, this.#clock] = [rank, worldSize, messages, clock];
    const onMessage = (): void => undefined;
    this.#members = new Members({ rank, worldSize, clock, limits, timeoutMs, onWarning, onMessage });
    const ranks = rank === 0 ? Array.from({ length: worldSize - 1 }, (_, i) => i + 1) : [0];
    const mostBytes = controlBytes + 8 * worldSize;
    this.#peers = ranks.map((each) => new MpiPeer(messages, { rank: each, mostBytes }));
    for (const [i, peer] of this.#peers.entries()) this.#members.add(ranks[i] ?? 0, peer);
    const before = (rank - 1 + worldSize) % worldSize;
    this.#reader = new MpiReader(messages, before, (error) => this.#members.fail(error));
    this.#writer = new MpiWriter(messages, (rank + 1) % worldSize);
    this.#operations = new RingOperations({ rank, worldSize }, (operation) => this.#do(operation));
    this.#timer = setInterval(() => this.#poll(), idleMs).unref();
    this.failed.addEventListener('abort', () => void this.#part(sleep(partingMs)), { once: true });
  }

  get failed(): AbortSignal {
    return this.#members.failed;
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

  /** WHY without MPI's own end, which waits for all: the launcher ends what is left of a group of which a process has failed. */
  async abort(reason: string): Promise<void> {
    await this.#part(this.#members.abort(reason));
    clearInterval(this.#timer);
  }

  async close(): Promise<void> {
    // WHY not an error: nothing depends on the others any more.
    await this.barrier().catch(() => undefined);
    if (this.failed.aborted) return;
    await this.#part(this.#members.leave());
    clearInterval(this.#timer);
    const rest = [this.#reader, ...this.#peers].flatMap((each) => each.stop());
    const until = this.#clock.now() + partingMs;
    while (!this.#areDone(rest) && this.#clock.now() < until) await sleep(1);
    await this.#messages.close();
  }

  async #do(operation: RingOperation): Promise<void> {
    this.failed.throwIfAborted();
    this.#members.begins();
    try {
      let isDone = false;
      const run = new RingRun({ ...this.#ends, kernels: this.#kernels }, operation, () => (isDone = true));
      this.#guarded(() => run.start());
      let moved = this.#clock.now();
      for (;;) {
        if (this.#poll()) moved = this.#clock.now();
        this.failed.throwIfAborted();
        run.flushed();
        if (isDone) return;
        await (this.#clock.now() - moved > eagerMs ? sleep(1) : nextTurn());
      }
    } finally {
      this.#members.ends();
    }
  }

  get #ends() {
    const { rank, worldSize } = this;
    return { rank, before: (rank - 1 + worldSize) % worldSize, reader: this.#reader, writer: this.#writer };
  }

  /** Moves on what is under way. @returns whether something came or went */
  #poll(): boolean {
    return this.#guarded(() => {
      let hasMoved = false;
      for (const each of [this.#writer, this.#reader, ...this.#peers]) hasMoved = each.poll() || hasMoved;
      return hasMoved;
    });
  }

  /** Lets last messages come and go until something has ended. */
  async #part(ending: Promise<unknown>): Promise<void> {
    let hasEnded = false;
    void ending.finally(() => (hasEnded = true));
    while (!hasEnded) {
      for (const peer of this.#peers) this.#guarded(() => peer.poll());
      await sleep(1);
    }
    for (const peer of this.#peers) this.#guarded(() => peer.poll());
  }

  #areDone(messages: readonly Pending[]): boolean {
    return this.#guarded(() => messages.every((message) => this.#messages.isDone(message))) || this.failed.aborted;
  }

  /** A call of MPI that fails ends the group. */
  #guarded(run: () => boolean | void): boolean {
    if (this.#isBroken) return false;
    try {
      return run() === true;
    } catch (error) {
      this.#isBroken = true;
      const known = EspalierError.isInstance(error) ? error : undefined;
      const problem = messageOf(error);
      this.#members.fail(known ?? new EspalierError('GROUP_MPI_FAILED', { call: 'MPI', problem }));
      return false;
    }
  }

  /** Whether MPI can no longer be called. */
  #isBroken = false;
}

/** Of a message to another rank: of an error's text, at most 4,000 characters are sent. */
const controlBytes = 1 << 15;
