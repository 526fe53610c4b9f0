import type { Signature } from '../ring/frame.ts';
import type { RingKernels } from '../ring/ring-kernels.ts';
import type { RingWriter } from '../ring/ring.ts';
import { FrameQueue } from './frame-queue.ts';

/** Gives bytes to the system; `more` follow at once. @returns how many it took; undefined when it has no room */
export type Give = (bytes: Uint8Array, more: boolean) => number | undefined;

/** Sends frames as far as the system has room for them, when it is asked to. */
export class DirectWriter implements RingWriter {
  readonly isChecked = true;
  readonly #give: Give;
  readonly #queue: FrameQueue;
  /** What is left of the frame that is under way. */
  #header: Uint8Array = nothing;
  #payload: Uint8Array = nothing;

  constructor(kernels: Pick<RingKernels, 'checksum'>, give: Give) {
    this.#queue = new FrameQueue(kernels);
    this.#give = give;
  }

  get isIdle(): boolean {
    return !this.#isUnderWay && this.#queue.isEmpty;
  }

  get #isUnderWay(): boolean {
    return this.#header.byteLength + this.#payload.byteLength > 0;
  }

  begin(signature: Signature): void {
    this.#queue.begin(signature);
  }

  send(payload: Uint8Array, checksum?: number): void {
    this.#queue.push(payload, checksum);
  }

  /** Sends at most one frame. @returns whether something has gone */
  poll(): boolean {
    if (this.isIdle) return false;
    if (!this.#isUnderWay) this.#takeNext();
    if (this.#header.byteLength > 0) {
      const gone = this.#give(this.#header, true);
      if (gone === undefined) return false;
      this.#header = this.#header.subarray(gone);
      if (this.#header.byteLength > 0) return true;
    }
    const gone = this.#give(this.#payload, false);
    if (gone === undefined) return false;
    this.#payload = this.#payload.subarray(gone);
    return true;
  }

  #takeNext(): void {
    const frame = this.#queue.take();
    if (frame !== undefined) [this.#header, this.#payload] = [frame.header, frame.payload];
  }
}

const nothing = new Uint8Array(0);
