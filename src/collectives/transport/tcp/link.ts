import { connect, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';

/** Certificates of a group, in PEM. Each rank shows its own, and takes those that the same authority signed. */
export interface GroupTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** What takes the bytes of a socket. */
export interface Intake {
  /** Where the socket may write next. */
  room(): Uint8Array;
  /** Takes what was written to `room`. @returns false if nothing more is wanted for now */
  received(bytes: Uint8Array): boolean;
  /** Takes bytes that lie elsewhere, and keeps none of them without a copy. @returns as `received` */
  take(bytes: Uint8Array): boolean;
}

/** Node's hold on a connection. */
export interface SocketHandle {
  /** The system's number of it, below 0 when it is closed. It must be asked for before each use: it may be another file's afterwards. */
  readonly fd: number;
}

function isHandle(value: unknown): value is SocketHandle {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'fd') === 'number';
}

/** A connection with another process. What takes its bytes can be exchanged. */
export class Link {
  readonly socket: Socket;
  #intake: Intake | undefined;
  #onEnd: (error?: Error) => void = () => undefined;
  #isEnded = false;
  #error: Error | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  /** A socket that a server accepted. */
  static over(socket: Socket): Link {
    const link = new Link(socket);
    link.#listen();
    socket.on('data', (bytes: Buffer) => {
      if (link.#intake?.take(bytes) === false) socket.pause();
    });
    return link;
  }

  /** Connects to a server. Without TLS, bytes are read to where they are used. */
  static async connect(
    { host, port }: { readonly host: string; readonly port: number },
    { tls, signal }: { readonly tls?: GroupTls | undefined; readonly signal: AbortSignal },
  ): Promise<Link> {
    signal.throwIfAborted();
    if (tls !== undefined) {
      // WHY no name is checked: ranks have addresses that no certificate lists. Who has a certificate of the group's authority belongs to it.
      const socket = connectTls({ host, port, ...tls, checkServerIdentity: () => undefined });
      await connected(socket, 'secureConnect', signal);
      return Link.over(socket);
    }
    const spare = new Uint8Array(1 << 16);
    let intake = (): Intake | undefined => undefined;
    const buffer = (): Uint8Array => intake()?.room() ?? spare;
    const callback = (bytes: number, written: Uint8Array): boolean =>
      intake()?.received(written.subarray(0, bytes)) ?? false;
    const socket = connect({ host, port, noDelay: true, onread: { buffer, callback } });
    await connected(socket, 'connect', signal);
    const link = new Link(socket);
    intake = () => link.#intake;
    link.#listen();
    return link;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** From now on these take what comes, and hear of the end. */
  use(intake: Intake, onEnd: (error?: Error) => void): void {
    this.#intake = intake;
    this.#onEnd = onEnd;
    if (this.#isEnded) onEnd(this.#error);
    else this.socket.resume();
  }

  /** Reads nothing until `use` is called. What comes is left with the system. */
  hold(): void {
    this.socket.pause();
  }

  /** The open connection for the system's own calls; undefined with TLS, and where Node does not say what it is. */
  get handle(): SocketHandle | undefined {
    if (this.socket instanceof TLSSocket) return undefined;
    // WHY Reflect: Node says it nowhere else.
    const handle: unknown = Reflect.get(this.socket, '_handle');
    return isHandle(handle) && handle.fd >= 0 ? handle : undefined;
  }

  close(): void {
    this.socket.destroy();
  }

  #listen(): void {
    this.socket.setNoDelay(true);
    // WHY: where the way between two neighbours is cut and rank 0 hears both, nothing else ends their connection. Ten probes follow, one a second, unless the plane of the numbers says otherwise.
    this.socket.setKeepAlive(true, 1000);
    this.socket.on('error', (error) => (this.#error = error));
    this.socket.on('end', () => this.#end());
    this.socket.on('close', () => this.#end());
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd(this.#error);
  }
}

async function connected(socket: Socket | TLSSocket, event: string, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => void socket.destroy(abortedAs(signal));
    signal.addEventListener('abort', stop, { once: true });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.once(event, () => {
      signal.removeEventListener('abort', stop);
      socket.off('error', reject);
      resolve();
    });
  });
}

function abortedAs({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
