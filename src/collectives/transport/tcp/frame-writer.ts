import type { Socket } from 'node:net';
import type { Signature } from '../ring/frame.ts';
import type { RingKernels } from '../ring/ring-kernels.ts';
import type { RingWriter } from '../ring/ring.ts';
import { FrameQueue } from './frame-queue.ts';

/** Bytes that wait in a socket at most, besides one frame. More would only be checksummed too early. */
const mostWaiting = 1 << 20;

/** Sends frames as fast as the socket takes them, without a copy of their payloads. */
export class FrameWriter implements RingWriter {
  readonly isChecked = true;
  readonly #socket: Socket;
  readonly #onFlushed: () => void;
  readonly #queue: FrameQueue;
  #unflushed = 0;

  /** @param onFlushed  called when nothing waits any more */
  constructor(socket: Socket, kernels: Pick<RingKernels, 'checksum'>, onFlushed: () => void) {
    this.#socket = socket;
    this.#queue = new FrameQueue(kernels);
    this.#onFlushed = onFlushed;
  }

  begin(signature: Signature): void {
    this.#queue.begin(signature);
  }

  /** @param payload  must not change until it is flushed @param checksum  of it, if it is known */
  send(payload: Uint8Array, checksum?: number): void {
    this.#queue.push(payload, checksum);
    this.#pump();
  }

  /** Whether all that was sent has left the process. */
  get isIdle(): boolean {
    return this.#unflushed === 0 && this.#queue.isEmpty;
  }

  #pump(): void {
    while (this.#socket.writableLength < mostWaiting) {
      const frame = this.#queue.take();
      if (frame === undefined) return;
      this.#unflushed++;
      this.#socket.cork();
      this.#socket.write(frame.header);
      this.#socket.write(frame.payload, () => this.#flushed());
      this.#socket.uncork();
    }
  }

  #flushed(): void {
    this.#unflushed--;
    this.#pump();
    if (this.isIdle) this.#onFlushed();
  }
}
