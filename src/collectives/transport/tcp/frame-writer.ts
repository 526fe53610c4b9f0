import type { Socket } from 'node:net';
import { encodeHeader, type Signature } from '../ring/frame.ts';
import type { RingKernels } from '../ring/ring-kernels.ts';
import type { RingWriter } from '../ring/ring.ts';

/** Bytes that wait in a socket at most, besides one frame. More would only be checksummed too early. */
const mostWaiting = 1 << 20;

/** A payload that waits for its turn. */
export interface Queued {
  readonly payload: Uint8Array;
  readonly checksum: number | undefined;
}

/** Sends frames as fast as the socket takes them, without a copy of their payloads. */
export class FrameWriter implements RingWriter {
  readonly isChecked = true;
  readonly #socket: Socket;
  readonly #kernels: Pick<RingKernels, 'checksum'>;
  readonly #onFlushed: () => void;
  #signature: Signature | undefined;
  #queue: Queued[] = [];
  #next = 0;
  #index = 0;
  #unflushed = 0;

  /** @param onFlushed  called when nothing waits any more */
  constructor(socket: Socket, kernels: Pick<RingKernels, 'checksum'>, onFlushed: () => void) {
    this.#socket = socket;
    this.#kernels = kernels;
    this.#onFlushed = onFlushed;
  }

  begin(signature: Signature): void {
    this.#signature = signature;
    [this.#queue, this.#next, this.#index] = [[], 0, 0];
  }

  /** @param payload  must not change until it is flushed @param checksum  of it, if it is known */
  send(payload: Uint8Array, checksum?: number): void {
    this.#queue.push({ payload, checksum });
    this.#pump();
  }

  /** Whether all that was sent has left the process. */
  get isIdle(): boolean {
    return this.#unflushed === 0 && this.#next === this.#queue.length;
  }

  #pump(): void {
    const signature = this.#signature;
    while (signature !== undefined && this.#next < this.#queue.length && this.#socket.writableLength < mostWaiting) {
      const queued = this.#queue[this.#next++];
      if (queued === undefined) return;
      const { payload, checksum = this.#kernels.checksum(payload) } = queued;
      const header = encodeHeader({ ...signature, index: this.#index++ }, payload, checksum);
      this.#unflushed++;
      this.#socket.cork();
      this.#socket.write(header);
      this.#socket.write(payload, () => this.#flushed());
      this.#socket.uncork();
    }
  }

  #flushed(): void {
    this.#unflushed--;
    this.#pump();
    if (this.isIdle) this.#onFlushed();
  }
}
