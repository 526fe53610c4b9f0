import { encodeHeader, type Signature } from '../ring/frame.ts';
import type { RingKernels } from '../ring/ring-kernels.ts';
import type { RingWriter } from '../ring/ring.ts';
import type { Queued } from './frame-writer.ts';

/** Gives bytes to the system; `more` follow at once. @returns how many it took; undefined when it has no room */
export type Give = (bytes: Uint8Array, more: boolean) => number | undefined;

/** Sends frames as far as the system has room for them, when it is asked to. */
export class DirectWriter implements RingWriter {
  readonly isChecked = true;
  readonly #give: Give;
  readonly #kernels: Pick<RingKernels, 'checksum'>;
  #signature: Signature | undefined;
  #queue: Queued[] = [];
  #next = 0;
  /** What is left of the frame that is under way. */
  #header: Uint8Array = nothing;
  #payload: Uint8Array = nothing;

  constructor(kernels: Pick<RingKernels, 'checksum'>, give: Give) {
    this.#kernels = kernels;
    this.#give = give;
  }

  get isIdle(): boolean {
    return this.#header.byteLength + this.#payload.byteLength === 0 && this.#next === this.#queue.length;
  }

  begin(signature: Signature): void {
    this.#signature = signature;
    [this.#queue, this.#next] = [[], 0];
  }

  send(payload: Uint8Array, checksum?: number): void {
    this.#queue.push({ payload, checksum });
  }

  /** Sends at most one frame. @returns whether something has gone */
  poll(): boolean {
    if (this.isIdle) return false;
    if (this.#header.byteLength + this.#payload.byteLength === 0) this.#takeNext();
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
    const queued = this.#queue[this.#next];
    if (this.#signature === undefined || queued === undefined) return;
    const { payload, checksum = this.#kernels.checksum(payload) } = queued;
    this.#header = encodeHeader({ ...this.#signature, index: this.#next++ }, payload, checksum);
    this.#payload = payload;
  }
}

const nothing = new Uint8Array(0);
