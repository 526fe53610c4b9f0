import { EspalierError } from '../../../core/index.ts';
import { decodeHeader, encodeHeader, headerBytes, type Signature } from '../ring/frame.ts';
import { segmentBytes } from '../ring/plan.ts';
import type { FrameTaker, RingReader, RingWriter } from '../ring/ring.ts';
import { tags, type MessagePassing, type Pending } from './message-passing.ts';

/** Frames that are waited for at a time, so that one can come while another is summed. */
const window = 4;

/** A frame to come: two messages, of which the payload may be shorter than its room. */
interface Slot {
  readonly header: Buffer;
  readonly payload: Uint8Array;
  messages: readonly [Pending, Pending];
}

/** Frames from the rank before, which are waited for at any time, also between two operations. */
export class MpiReader implements RingReader {
  readonly #messages: MessagePassing;
  readonly #from: number;
  readonly #slots: Slot[];
  readonly #onWrong: (error: Error) => void;
  #next = 0;
  #taker: FrameTaker | undefined;

  constructor(messages: MessagePassing, from: number, onWrong: (error: Error) => void) {
    this.#messages = messages;
    this.#from = from;
    this.#onWrong = onWrong;
    this.#slots = Array.from({ length: window }, () => {
      const room = { header: Buffer.from(new ArrayBuffer(headerBytes)), payload: new Uint8Array(segmentBytes) };
      return { ...room, messages: this.#receive(room) };
    });
  }

  begin(taker: FrameTaker): void {
    this.#taker = taker;
  }

  end(): void {
    this.#taker = undefined;
  }

  /** Takes one frame if it has come. @returns whether it has */
  poll(): boolean {
    const slot = this.#slots[this.#next];
    if (slot === undefined || !slot.messages.every((message) => this.#messages.isDone(message))) return false;
    if (this.#taker === undefined) return false;
    const frame = decodeHeader(slot.header);
    const wrong = typeof frame === 'string' ? this.#refusal(frame) : this.#taker.begins(frame);
    if (wrong !== undefined || typeof frame === 'string') {
      this.#onWrong(wrong ?? this.#refusal(String(frame)));
      return false;
    }
    this.#taker.ends(slot.payload.subarray(0, frame.length), frame.checksum);
    slot.messages = this.#receive(slot);
    this.#next = (this.#next + 1) % window;
    return true;
  }

  /** Takes back what is waited for. @returns messages that are done soon */
  stop(): readonly Pending[] {
    const all = this.#slots.flatMap(({ messages }) => messages).filter((message) => !this.#messages.isDone(message));
    for (const message of all) this.#messages.cancel(message);
    return all;
  }

  #receive({ header, payload }: Pick<Slot, 'header' | 'payload'>): readonly [Pending, Pending] {
    return [
      this.#messages.receive(header, this.#from, tags.header),
      this.#messages.receive(payload, this.#from, tags.payload),
    ];
  }

  #refusal(problem: string): Error {
    return new EspalierError('GROUP_FRAME_INVALID', { peer: this.#from, problem });
  }
}

/** Frames to the rank behind. WHY no checksum: MPI answers for what it brings. */
export class MpiWriter implements RingWriter {
  readonly #messages: MessagePassing;
  readonly #to: number;
  readonly isChecked = false;
  #signature: Signature | undefined;
  #index = 0;
  #sending: Pending[] = [];

  constructor(messages: MessagePassing, to: number) {
    this.#messages = messages;
    this.#to = to;
  }

  get isIdle(): boolean {
    return this.#sending.length === 0;
  }

  begin(signature: Signature): void {
    this.#signature = signature;
    this.#index = 0;
  }

  send(payload: Uint8Array): void {
    if (this.#signature === undefined) return;
    const header = encodeHeader({ ...this.#signature, index: this.#index++ }, payload, 0);
    this.#sending.push(
      this.#messages.send(header, this.#to, tags.header),
      this.#messages.send(payload, this.#to, tags.payload),
    );
  }

  /** @returns whether something has gone */
  poll(): boolean {
    const before = this.#sending.length;
    while (this.#sending[0] !== undefined && this.#messages.isDone(this.#sending[0])) this.#sending.shift();
    return this.#sending.length < before;
  }
}
