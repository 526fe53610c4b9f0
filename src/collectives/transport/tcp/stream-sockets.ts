import { loadNative } from '../../../native/index.ts';

/** Which sockets `wait` looks at, and for what. */
export interface SocketWait {
  /** To be read from. */
  readonly reading?: number | undefined;
  /** To be written to. */
  readonly writing?: number | undefined;
}

/** What a connection of TCP may be told. The numbers are those of Linux on every processor. */
const tcpLevel = 6;
const tcpOptions = { probesAfterSeconds: 4, secondsBetweenProbes: 5, probes: 6 } as const;
export type TcpOption = keyof typeof tcpOptions;

const flags = { dontWait: 0x40, noSignal: 0x4000, more: 0x8000 } as const;
const events = { read: 1, write: 4, error: 8, hungUp: 16, invalid: 32 } as const;
const brokenEvents = events.error | events.hungUp | events.invalid;

/**
 * The system's own calls on sockets that somebody else opened, by their descriptors. WHY: what comes lies at once where it is used, and no
 * turn of the event loop lies between two calls. None of them waits but `wait`, and that for milliseconds. Linux only.
 */
export class StreamSockets {
  readonly #calls: ReturnType<typeof bind>;
  /** Two `struct pollfd`: descriptor i32, events i16, what has happened i16. */
  readonly #polled = new Int32Array(new ArrayBuffer(16));

  private constructor(calls: ReturnType<typeof bind>) {
    this.#calls = calls;
  }

  /** @returns undefined where the system does not have these calls */
  static open(): StreamSockets | undefined {
    // WHY little-endian: two numbers of 16 bits are written as one of 32.
    if (process.platform !== 'linux' || new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) return undefined;
    try {
      return new StreamSockets(bind());
    } catch {
      return undefined;
    }
  }

  /**
   * Takes what has come, as much as there is room for.
   * @returns bytes; 0 when no more will come; undefined when nothing has come yet
   * @throws Error when the connection is broken
   */
  receive(descriptor: number, room: Uint8Array): number | undefined {
    return this.#outcome(descriptor, this.#calls.receive(descriptor, room, room.byteLength, flags.dontWait));
  }

  /**
   * Gives bytes to the system, as many as it has room for.
   * @param more  whether others follow at once, with which they may travel
   * @returns bytes; undefined when there is no room
   * @throws Error when the connection is broken
   */
  send(descriptor: number, bytes: Uint8Array, more = false): number | undefined {
    const how = flags.dontWait | flags.noSignal | (more ? flags.more : 0);
    return this.#outcome(descriptor, this.#calls.send(descriptor, bytes, bytes.byteLength, how));
  }

  /** Blocks this thread until a socket is ready or broken, or the time is over. */
  waitBriefly(sockets: SocketWait, milliseconds: number): void {
    this.#calls.poll(this.#fill(this.#polled, sockets), 2, milliseconds);
  }

  /** As `waitBriefly`, on another thread. */
  async wait(sockets: SocketWait, milliseconds: number): Promise<void> {
    // WHY fresh: the other thread may still hold those of a wait that nobody waits for any more.
    const polled = this.#fill(new Int32Array(new ArrayBuffer(16)), sockets);
    await new Promise<void>((resolve) => {
      this.#calls.poll.async(polled, 2, milliseconds, () => resolve());
    });
  }

  /** @returns whether the system took it */
  set(descriptor: number, option: TcpOption, value: number): boolean {
    return this.#calls.setOption(descriptor, tcpLevel, tcpOptions[option], Int32Array.of(value), 4) === 0;
  }

  #fill(polled: Int32Array, { reading, writing }: SocketWait): Int32Array {
    // A descriptor below 0 is passed over.
    polled.set([reading ?? -1, events.read, writing ?? -1, events.write]);
    return polled;
  }

  /** What a call came to. WHY asked: of a call that failed for want of bytes or room, the connection is whole. */
  #outcome(descriptor: number, result: number | bigint): number | undefined {
    if (result >= 0) return Number(result);
    this.#polled.set([descriptor, 0, -1, 0]);
    this.#calls.poll(this.#polled, 2, 0);
    if (((this.#polled[1] ?? 0) >> 16) & brokenEvents) throw new Error('it was reset, or nothing came back on it');
    return undefined;
  }
}

function bind() {
  const libc = loadNative('libc.so.6');
  const moving = ['int', 'void *', 'size_t', 'int'];
  return {
    receive: libc.func('recv', 'intptr_t', moving),
    send: libc.func('send', 'intptr_t', moving),
    poll: libc.func('poll', 'int', ['void *', 'ulong', 'int']),
    setOption: libc.func('setsockopt', 'int', ['int', 'int', 'int', 'void *', 'uint']),
  };
}
