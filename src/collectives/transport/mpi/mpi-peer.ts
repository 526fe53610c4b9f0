import type { Peer } from '../members/peer.ts';
import { tags, type MessagePassing, type Pending } from './message-passing.ts';

/** For the other side to send its last message. */
const lastMs = 500;

/** Messages with one other process over MPI: length u32, little-endian, whether it is the last u32, then JSON. */
export class MpiPeer implements Peer {
  readonly #messages: MessagePassing;
  readonly #rank: number;
  readonly #room: Uint8Array;
  #sending: Pending[] = [];
  #receiving: Pending | undefined;
  #listener: ((message: unknown) => void) | undefined;
  #onLast: () => void = () => undefined;

  /** @param mostBytes  of a message */
  constructor(messages: MessagePassing, { rank, mostBytes }: { readonly rank: number; readonly mostBytes: number }) {
    this.#messages = messages;
    this.#rank = rank;
    this.#room = new Uint8Array(headBytes + mostBytes);
    this.#receiving = messages.receive(this.#room, rank, tags.control);
  }

  send(message: object): void {
    this.#send(message, false);
  }

  async sendLast(message: object): Promise<void> {
    this.#send(message, true);
    // WHY wait: MPI ends in good order only when all that was sent has been taken.
    await new Promise<void>((resolve) => {
      if (this.#receiving === undefined) return resolve();
      const timer = setTimeout(resolve, lastMs);
      this.#onLast = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  listen(listener: (message: unknown) => void): void {
    this.#listener = listener;
  }

  /** Takes what has come. @returns whether something has */
  poll(): boolean {
    this.#sending = this.#sending.filter((message) => !this.#messages.isDone(message));
    if (this.#receiving === undefined || this.#listener === undefined) return false;
    if (!this.#messages.isDone(this.#receiving)) return false;
    const { text, isLast } = decode(this.#room);
    this.#receiving = isLast ? undefined : this.#messages.receive(this.#room, this.#rank, tags.control);
    this.#listener(parsed(text));
    if (isLast) this.#onLast();
    return true;
  }

  /** Takes back what is waited for. @returns messages that are done soon */
  stop(): readonly Pending[] {
    if (this.#receiving !== undefined) this.#messages.cancel(this.#receiving);
    return [...this.#sending, ...(this.#receiving === undefined ? [] : [this.#receiving])];
  }

  #send(message: object, isLast: boolean): void {
    const body = Buffer.from(JSON.stringify(message));
    const bytes = new Uint8Array(headBytes + body.length);
    const head = new DataView(bytes.buffer);
    head.setUint32(0, body.length, true);
    head.setUint32(4, isLast ? 1 : 0, true);
    bytes.set(body, headBytes);
    this.#sending.push(this.#messages.send(bytes, this.#rank, tags.control));
  }
}

const headBytes = 8;

function decode(room: Uint8Array): { readonly text: string; readonly isLast: boolean } {
  const head = new DataView(room.buffer, room.byteOffset, headBytes);
  const length = Math.min(head.getUint32(0, true), room.byteLength - headBytes);
  const text = Buffer.from(room.buffer, room.byteOffset + headBytes, length).toString('utf8');
  return { text, isLast: head.getUint32(4, true) !== 0 };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
