import { crc32 } from 'node:zlib';
import type { Peer } from '../members/peer.ts';
import type { Intake, Link } from './link.ts';

/** Bytes of a message at most. WHY so few: a stranger may send them before it has shown the key. */
const mostBytes = 1 << 16;
const headBytes = 8;
/** Time for the other side to close. */
const lastMs = 500;

/**
 * Messages on a link: length u32, CRC-32 u32, little-endian, then JSON. What they say is for the caller to check.
 */
export class Messages implements Intake, Peer {
  readonly #link: Link;
  readonly #spill = new Uint8Array(4096);
  #pending: Buffer = Buffer.alloc(0);
  #arrived: unknown[] = [];
  #waiting: { readonly resolve: (message: unknown) => void; readonly reject: (error: Error) => void } | undefined;
  #listener: ((message: unknown) => void) | undefined;
  #onEnd: ((error: Error) => void) | undefined;
  #ended: Error | undefined;

  constructor(link: Link) {
    this.#link = link;
    link.use(this, (error) => this.#end(error ?? new Error('the connection was closed')));
  }

  get link(): Link {
    return this.#link;
  }

  send(message: object): void {
    const body = Buffer.from(JSON.stringify(message));
    const head = Buffer.alloc(headBytes);
    head.writeUInt32LE(body.length, 0);
    head.writeUInt32LE(crc32(body), 4);
    if (this.#link.socket.writable) this.#link.socket.write(Buffer.concat([head, body]));
  }

  /**
   * Sends a last message, and closes when the other side has closed. WHY wait for it: closing with bytes that are unread resets the
   * connection, and the message could be lost.
   */
  async sendLast(message: object): Promise<void> {
    const { socket } = this.#link;
    if (!socket.writable) return this.#link.close();
    this.send(message);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lastMs);
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.end();
    });
    this.#link.close();
  }

  /** The next message. @throws Error when the link ends, or sends what is no message */
  async next(): Promise<unknown> {
    if (this.#arrived.length > 0) return this.#arrived.shift();
    if (this.#ended !== undefined) throw this.#ended;
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  /** From now on a listener gets each message, and hears once of the end. */
  listen(listener: (message: unknown) => void, onEnd: (error: Error) => void): void {
    this.#listener = listener;
    this.#onEnd = onEnd;
    for (const message of this.#arrived.splice(0)) listener(message);
    if (this.#ended !== undefined) onEnd(this.#ended);
  }

  room(): Uint8Array {
    return this.#spill;
  }

  received(bytes: Uint8Array): boolean {
    return this.take(bytes);
  }

  take(bytes: Uint8Array): boolean {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    for (;;) {
      if (this.#pending.length < headBytes) return true;
      const length = this.#pending.readUInt32LE(0);
      if (length > mostBytes) return this.#refuse(`a message of ${length} bytes is too long`);
      if (this.#pending.length < headBytes + length) return true;
      const body = this.#pending.subarray(headBytes, headBytes + length);
      if (crc32(body) !== this.#pending.readUInt32LE(4)) return this.#refuse('the checksum of a message is wrong');
      this.#pending = this.#pending.subarray(headBytes + length);
      const message = parsed(body);
      if (message === undefined) return this.#refuse('a message is no JSON');
      this.#deliver(message.value);
    }
  }

  #deliver(message: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) waiting.resolve(message);
    else if (this.#listener !== undefined) this.#listener(message);
    else this.#arrived.push(message);
  }

  #refuse(problem: string): boolean {
    this.#end(new Error(problem));
    this.#link.close();
    return false;
  }

  #end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#onEnd?.(error);
  }
}

function parsed(body: Buffer): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(body.toString('utf8')) as unknown };
  } catch {
    return undefined;
  }
}
