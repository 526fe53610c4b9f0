import { decodeHeader, headerBytes, type Frame } from '../ring/frame.ts';
import { segmentBytes } from '../ring/plan.ts';
import type { RingKernels } from '../ring/ring-kernels.ts';
import type { FrameTaker, RingReader } from '../ring/ring.ts';

/** Bytes that are read at once before it is known where they belong. */
const mostSpilled = 1 << 16;

/**
 * Takes a stream of bytes apart into frames. Most of a payload is read to where it is checked, without a copy. Without a taker, which
 * is between two operations, what comes is left where it is.
 */
export class FrameReader implements RingReader {
  readonly #header = Buffer.alloc(headerBytes);
  readonly #kernels: Pick<RingKernels, 'staging' | 'checksum'>;
  readonly #staging: Uint8Array;
  readonly #spill: Uint8Array;
  readonly #onWrong: (error: Error | string) => void;
  #headerFilled = 0;
  /** The frame whose payload comes. */
  #frame: Frame | undefined;
  #filled = 0;
  #taker: FrameTaker | undefined;
  /** Bytes that came before their operation began. */
  #held: Uint8Array | undefined;
  #isWrong = false;

  /**
   * @param kernels  whose room this reader has for itself
   * @param onWrong  called once with what is wrong; nothing is taken after that
   * @param spillBytes  of the room without a frame. Of a header's length, a payload comes nowhere but to its place
   */
  constructor(
    kernels: Pick<RingKernels, 'staging' | 'checksum'>,
    onWrong: (error: Error | string) => void,
    spillBytes = mostSpilled,
  ) {
    this.#spill = new Uint8Array(spillBytes);
    this.#kernels = kernels;
    this.#staging = kernels.staging;
    this.#onWrong = onWrong;
  }

  /** Where the socket is to write next. */
  room(): Uint8Array {
    if (this.#frame === undefined) return this.#spill;
    return this.#staging.subarray(this.#filled, this.#frame.length);
  }

  /**
   * Takes what the socket wrote to `room`.
   * @returns false if nothing more is wanted for now
   */
  received(bytes: Uint8Array): boolean {
    // WHY not by the frame alone: a socket that was stopped goes on with the room that it had.
    if (bytes.buffer !== this.#staging.buffer) return this.take(bytes);
    this.#filled += bytes.byteLength;
    this.#endFrame();
    return !this.#isWrong;
  }

  /** As `received`, for bytes that lie elsewhere. They are not kept. */
  take(bytes: Uint8Array): boolean {
    let rest = bytes;
    while (rest.byteLength > 0 && !this.#isWrong) {
      if (this.#frame !== undefined) rest = this.#takePayload(this.#frame, rest);
      else if (this.#taker !== undefined) rest = this.#takeHeader(rest);
      else {
        this.#held = this.#held === undefined ? rest.slice() : Buffer.concat([this.#held, rest]);
        return false;
      }
    }
    return !this.#isWrong;
  }

  /** Whether it takes frames. */
  get isTaking(): boolean {
    return this.#taker !== undefined && !this.#isWrong;
  }

  /** Begins to take frames, first of what was held. */
  begin(taker: FrameTaker): void {
    this.#taker = taker;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.take(held);
  }

  /** Ends to take frames. */
  end(): void {
    this.#taker = undefined;
  }

  #takeHeader(bytes: Uint8Array): Uint8Array {
    const part = bytes.subarray(0, headerBytes - this.#headerFilled);
    this.#header.set(part, this.#headerFilled);
    this.#headerFilled += part.byteLength;
    if (this.#headerFilled === headerBytes) {
      this.#headerFilled = 0;
      const frame = decodeHeader(this.#header);
      const wrong = typeof frame === 'string' ? frame : this.#taker?.begins(frame);
      if (wrong !== undefined || typeof frame === 'string') this.#refuse(wrong ?? '');
      else if (frame.length > segmentBytes) this.#refuse(`a frame of ${frame.length} bytes is too long`);
      else {
        [this.#frame, this.#filled] = [frame, 0];
        this.#endFrame();
      }
    }
    return bytes.subarray(part.byteLength);
  }

  #takePayload({ length }: Frame, bytes: Uint8Array): Uint8Array {
    const part = bytes.subarray(0, length - this.#filled);
    this.#staging.set(part, this.#filled);
    this.#filled += part.byteLength;
    this.#endFrame();
    return bytes.subarray(part.byteLength);
  }

  /** Checks a payload that is whole. */
  #endFrame(): void {
    const frame = this.#frame;
    if (frame === undefined || this.#filled < frame.length) return;
    this.#frame = undefined;
    const payload = this.#staging.subarray(0, frame.length);
    const isRight = this.#kernels.checksum(payload) === frame.checksum;
    if (isRight) this.#taker?.ends(payload, frame.checksum);
    else this.#refuse(`the checksum of frame ${frame.index} is wrong`);
  }

  #refuse(error: Error | string): void {
    this.#isWrong = true;
    this.#onWrong(error);
  }
}
