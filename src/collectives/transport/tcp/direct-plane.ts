import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { messageOf, systemClock } from '../../../core/index.ts';
import { headerBytes } from '../ring/frame.ts';
import { RingRun, type RingOperation } from '../ring/ring.ts';
import type { DataPlane, PlaneParts } from './data-plane.ts';
import { DirectWriter } from './direct-writer.ts';
import { FrameReader } from './frame-reader.ts';
import type { SocketHandle } from './link.ts';
import type { SocketWait, StreamSockets } from './stream-sockets.ts';

/** How long it does what. */
export interface Patience {
  /** Of a turn of the event loop. WHY: beats and timers need theirs. */
  readonly turnMs: number;
  /** Of one wait of the thread itself. */
  readonly sliceMs: number;
  /** For which the thread itself waits for the next bytes. WHY not longer: who waits long waits for a rank that computes. */
  readonly eagerMs: number;
  /** Of one wait on another thread. */
  readonly idleMs: number;
}

export const patience: Patience = { turnMs: 2, sliceMs: 1, eagerMs: 4, idleMs: 100 };

export interface DirectParts {
  readonly sockets: StreamSockets;
  /** The connection with the rank before. */
  readonly from: SocketHandle;
  /** The connection with the rank behind. */
  readonly to: SocketHandle;
  readonly patience?: Patience | undefined;
}

/** One of the two connections. */
interface Side {
  readonly rank: number;
  readonly handle: SocketHandle;
  /** Nothing is tried with it any more. */
  hasEnded: boolean;
}

/**
 * Numbers by the system's own calls. One thread sends and receives by turns, and sums a piece while it lies in the cache. While bytes come,
 * nothing of Node lies between two calls.
 */
export class DirectPlane implements DataPlane {
  readonly name = 'system';
  readonly #parts: PlaneParts;
  readonly #sockets: StreamSockets;
  readonly #patience: Patience;
  readonly #from: Side;
  readonly #to: Side;
  readonly #reader: FrameReader;
  readonly #writer: DirectWriter;

  constructor(parts: PlaneParts, { sockets, from, to, patience: times = patience }: DirectParts) {
    [this.#parts, this.#sockets, this.#patience] = [parts, sockets, times];
    const { before, behind, kernels, refuse } = parts;
    this.#from = { rank: before.rank, handle: from, hasEnded: false };
    this.#to = { rank: behind.rank, handle: to, hasEnded: false };
    this.#reader = new FrameReader(kernels, (error) => refuse(before.rank, error), headerBytes);
    this.#writer = new DirectWriter(kernels, (bytes, more) => this.#send(bytes, more));
  }

  async run(operation: RingOperation): Promise<void> {
    const { rank, before, kernels, failed } = this.#parts;
    const ends = { rank, before: before.rank, reader: this.#reader, writer: this.#writer, kernels };
    let isDone = false;
    const run = new RingRun(ends, operation, () => (isDone = true));
    run.start();
    let [turnBegan, moved] = [systemClock.now(), systemClock.now()];
    for (;;) {
      const hasMoved = this.#move();
      run.flushed();
      failed.throwIfAborted();
      if (isDone) return;
      const now = systemClock.now();
      if (hasMoved) moved = now;
      else await this.#wait(now - moved);
      if (systemClock.now() - turnBegan < this.#patience.turnMs) continue;
      await nextTurn();
      failed.throwIfAborted();
      turnBegan = systemClock.now();
    }
  }

  /** Sends a frame, and takes what has come. @returns whether something has moved */
  #move(): boolean {
    const hasSent = this.#writer.poll();
    return this.#receive() || hasSent;
  }

  #send(bytes: Uint8Array, more: boolean): number | undefined {
    const { handle, hasEnded } = this.#to;
    if (hasEnded || handle.fd < 0) return undefined;
    try {
      return this.#sockets.send(handle.fd, bytes, more);
    } catch (error) {
      this.#end(this.#to, messageOf(error));
      return undefined;
    }
  }

  #receive(): boolean {
    const { handle, hasEnded } = this.#from;
    if (!this.#reader.isTaking || hasEnded || handle.fd < 0) return false;
    try {
      const room = this.#reader.room();
      const bytes = this.#sockets.receive(handle.fd, room);
      if (bytes === undefined) return false;
      if (bytes === 0) this.#end(this.#from, 'closed');
      else this.#reader.received(bytes === room.byteLength ? room : room.subarray(0, bytes));
      return true;
    } catch (error) {
      this.#end(this.#from, messageOf(error));
      return false;
    }
  }

  /** @param waited  since something has moved */
  async #wait(waited: number): Promise<void> {
    const { sliceMs, eagerMs, idleMs } = this.#patience;
    const sockets: SocketWait = {
      reading: this.#reader.isTaking ? descriptorOf(this.#from) : undefined,
      writing: this.#writer.isIdle ? undefined : descriptorOf(this.#to),
    };
    // The group ends by what others say, or by its own time.
    if (sockets.reading === undefined && sockets.writing === undefined) await sleep(10);
    else if (waited < eagerMs) this.#sockets.waitBriefly(sockets, sliceMs);
    else await this.#sockets.wait(sockets, idleMs);
  }

  #end(side: Side, why: string): void {
    side.hasEnded = true;
    this.#parts.suspect(side.rank, why);
  }
}

function descriptorOf({ handle, hasEnded }: Side): number | undefined {
  return hasEnded || handle.fd < 0 ? undefined : handle.fd;
}
