import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { messageOf } from '../../../core/index.ts';
import { Link, type GroupTls } from './link.ts';
import { Messages } from './messages.ts';
import { receive, Refusal, refuse, type Introduction } from './handshake.ts';

/** Connections that have not shown the key yet, at most. */
const mostStrangers = 64;
/** WHY a limit: a stranger that says nothing must not stay. */
const introductionMs = 10_000;

export interface ListenerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly key: string;
  readonly tls?: GroupTls | undefined;
  /** Says what is wrong with one that has the key, if something is. */
  readonly judge: (introduction: Introduction) => string | undefined;
  /** Gets each that was taken. */
  readonly onPeer: (introduction: Introduction, messages: Messages) => void;
  /** Hears of each that was refused, or that left before it said who it is. */
  readonly onRefused: (problem: string) => void;
}

/** Where the other ranks connect to. Who does not show the key gets nothing but a fresh number. */
export class Listener {
  readonly #server: Server;
  readonly #options: ListenerOptions;
  readonly #strangers = new Set<Socket>();

  private constructor(options: ListenerOptions) {
    this.#options = options;
    const welcome = (socket: Socket): void => void this.#welcome(socket);
    const { tls } = options;
    this.#server =
      tls === undefined
        ? createServer({ noDelay: true }, welcome)
        : createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: true }, welcome);
    this.#server.on('tlsClientError', (error) => options.onRefused(messageOf(error)));
  }

  /** @throws the error of the address */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject);
      listener.#server.listen({ host: options.host, port: options.port }, () => {
        listener.#server.off('error', reject);
        resolve();
      });
    });
    listener.#server.on('error', (error) => options.onRefused(messageOf(error)));
    return listener;
  }

  get port(): number {
    // WHY as: a server that listens on TCP has no other kind of address.
    return (this.#server.address() as AddressInfo).port;
  }

  async #welcome(socket: Socket): Promise<void> {
    socket.on('error', () => undefined);
    if (this.#strangers.size >= mostStrangers) return void socket.destroy();
    this.#strangers.add(socket);
    const timer = setTimeout(() => socket.destroy(), introductionMs).unref();
    const messages = new Messages(Link.over(socket));
    try {
      const who = await receive(messages, this.#options.key, this.#options.judge);
      this.#options.onPeer(who, messages);
    } catch (error) {
      this.#options.onRefused(`${socket.remoteAddress ?? 'from somewhere'}: ${messageOf(error)}`);
      if (error instanceof Refusal) await refuse(messages, error);
      socket.destroy();
    } finally {
      clearTimeout(timer);
      this.#strangers.delete(socket);
    }
  }

  /** Takes no more connections. Those that were taken stay. */
  close(): void {
    this.#server.close();
    for (const socket of this.#strangers) socket.destroy();
  }
}
