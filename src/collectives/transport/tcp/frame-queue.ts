import { encodeHeader, type Signature } from '../ring/frame.ts';
import type { RingKernels } from '../ring/ring-kernels.ts';

/** A frame as it is sent. */
export interface Frame {
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

interface Queued {
  readonly payload: Uint8Array;
  readonly checksum: number | undefined;
}

/** The payloads of one operation that wait to be sent. They become frames, with their checksums, only when their turn comes. */
export class FrameQueue {
  readonly #kernels: Pick<RingKernels, 'checksum'>;
  #signature: Signature | undefined;
  #queue: Queued[] = [];
  /** Frames that were taken, and so the index of the next one. */
  #taken = 0;

  constructor(kernels: Pick<RingKernels, 'checksum'>) {
    this.#kernels = kernels;
  }

  get isEmpty(): boolean {
    return this.#taken === this.#queue.length;
  }

  begin(signature: Signature): void {
    this.#signature = signature;
    [this.#queue, this.#taken] = [[], 0];
  }

  /** @param payload  must not change until it is flushed @param checksum  of it, if it is known */
  push(payload: Uint8Array, checksum?: number): void {
    this.#queue.push({ payload, checksum });
  }

  /** undefined if none waits, or if no operation has begun */
  take(): Frame | undefined {
    const queued = this.#queue[this.#taken];
    if (this.#signature === undefined || queued === undefined) return undefined;
    const { payload, checksum = this.#kernels.checksum(payload) } = queued;
    return { header: encodeHeader({ ...this.#signature, index: this.#taken++ }, payload, checksum), payload };
  }
}
