import { setTimeout as sleep } from 'node:timers/promises';
import { EspalierError, messageOf, systemClock, type Clock } from '../../../core/index.ts';
import type { Transport } from '../transport.ts';
import type { Address } from '../members/control.ts';
import { introduce, Refusal, type Introduction } from './handshake.ts';
import { Link, type GroupTls } from './link.ts';
import { Listener } from './listener.ts';
import { Members, missingRanks, unreachable } from '../members/members.ts';
import { Messages } from './messages.ts';
import type { PlaneChoice } from './open-plane.ts';
import { TcpTransport } from './tcp-transport.ts';
import { probesFor, watchLimits, type WatchLimits } from '../members/watch.ts';

export interface TcpOptions extends Omit<PlaneChoice, 'probes'> {
  readonly rank: number;
  readonly worldSize: number;
  /** Where rank 0 listens. */
  readonly master: Address;
  /** The address at which this rank listens. Default: that by which it reaches rank 0; for rank 0, that of `master`. */
  readonly bind?: string | undefined;
  /** What all ranks know and nobody else. */
  readonly key: string;
  readonly tls?: GroupTls | undefined;
  /** For all to find each other. */
  readonly joinTimeoutMs: number;
  /** For an operation to wait for the others. */
  readonly timeoutMs: number;
  readonly onWarning?: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
  readonly limits?: Partial<WatchLimits>;
}

/**
 * Joins a ring over TCP: every rank says to rank 0 where it listens, gets the addresses of all, and connects to the rank before it.
 *
 * @throws EspalierError GROUP_UNREACHABLE, GROUP_REFUSED, GROUP_RANK_LOST, GROUP_ABORTED; the signal's reason
 */
export async function openTcp(options: TcpOptions): Promise<Transport> {
  const joining = new Joining(options);
  try {
    return await joining.join();
  } catch (error) {
    await joining.giveUp(error);
    throw error;
  }
}

class Joining {
  readonly #options: TcpOptions;
  readonly #members: Members;
  readonly #stop: AbortController;
  readonly #deadline: NodeJS.Timeout;
  readonly #addresses = new Map<number, Address>();
  readonly #ready = new Set<number>();
  readonly #onNews = new Set<() => void>();
  #listener: Listener | undefined;
  #next: Link | undefined;
  #before: Link | undefined;
  #table: readonly Address[] | undefined;
  #mayGo = false;
  /** Why the last try to connect failed. */
  #problem: string | undefined;

  constructor(options: TcpOptions) {
    this.#options = options;
    const { rank, worldSize, clock = systemClock, timeoutMs, joinTimeoutMs, signal } = options;
    const onWarning = options.onWarning ?? ((): void => undefined);
    this.#stop = new AbortController();
    const stop = (reason: unknown): void => {
      this.#stop.abort(reason);
      this.#news();
    };
    this.#members = new Members({
      rank,
      worldSize,
      clock,
      limits: { ...watchLimits, ...options.limits },
      timeoutMs,
      onWarning,
      onMessage: (from, message) => {
        if (message.kind === 'listening') this.#addresses.set(from, { host: message.host, port: message.port });
        if (message.kind === 'ready') this.#ready.add(from);
        if (message.kind === 'table') this.#table = message.addresses;
        if (message.kind === 'go') this.#mayGo = true;
        this.#news();
      },
    });
    this.#deadline = setTimeout(() => stop(this.#tooLate()), joinTimeoutMs);
    this.#members.failed.addEventListener('abort', () => stop(this.#members.failed.reason), { once: true });
    if (signal?.aborted === true) stop(signal.reason);
    signal?.addEventListener('abort', () => stop(signal.reason), { once: true });
  }

  async join(): Promise<Transport> {
    const { rank, worldSize } = this.#options;
    const table = rank === 0 ? await this.#gatherAll() : await this.#reportToMaster();
    const before = (rank - 1 + worldSize) % worldSize;
    const address = before === 0 ? this.#options.master : table[before];
    if (address === undefined)
      throw new EspalierError('GROUP_REFUSED', { rank, peer: 'rank 0', problem: 'it knows fewer ranks' });
    this.#before = (await this.#connect(address, { rank, worldSize, purpose: 'ring' })).link;
    // WHY: the rank before may hear sooner than this one that all are there, and its numbers are no messages.
    this.#before.hold();
    await this.#until(() => this.#next !== undefined);
    await this.#start();
    const [listener, next] = [this.#listener, this.#next];
    if (listener === undefined || next === undefined) throw new TypeError('a ring that is not whole');
    clearTimeout(this.#deadline);
    const { plane, patience, limits } = this.#options;
    const links = { listener, next, before: this.#before };
    const choice = { plane, patience, probes: probesFor({ ...watchLimits, ...limits }) };
    return new TcpTransport({ rank, worldSize, members: this.#members, ...links, ...choice });
  }

  async giveUp(error: unknown): Promise<void> {
    clearTimeout(this.#deadline);
    this.#listener?.close();
    await this.#members.abort(messageOf(error));
    this.#next?.close();
    this.#before?.close();
  }

  async #gatherAll(): Promise<readonly Address[]> {
    const { master, worldSize, bind } = this.#options;
    this.#listener = await this.#listen(bind ?? master.host, master.port);
    await this.#until(() => this.#addresses.size === worldSize - 1);
    const others = Array.from({ length: worldSize - 1 }, (_, i) => this.#addresses.get(i + 1) ?? master);
    const addresses = [master, ...others];
    this.#members.tell({ kind: 'table', addresses });
    return addresses;
  }

  async #reportToMaster(): Promise<readonly Address[]> {
    const { master, rank, worldSize, bind } = this.#options;
    const messages = await this.#connect(master, { rank, worldSize, purpose: 'control' });
    this.#members.add(0, messages);
    const own = messages.link.socket.localAddress ?? master.host;
    this.#listener = await this.#listen(bind ?? own, 0);
    const host = bind === undefined || isAny(bind) ? own : bind;
    this.#members.tell({ kind: 'listening', host, port: this.#listener.port });
    await this.#until(() => this.#table !== undefined);
    return this.#table ?? [];
  }

  /** Waits until all ranks are connected with their neighbours. */
  async #start(): Promise<void> {
    const { rank, worldSize } = this.#options;
    if (rank !== 0) {
      this.#members.tell({ kind: 'ready' });
      await this.#until(() => this.#mayGo);
      return;
    }
    await this.#until(() => this.#ready.size === worldSize - 1);
    this.#members.tell({ kind: 'go' });
  }

  async #listen(host: string, port: number): Promise<Listener> {
    const { key, tls, rank, worldSize, onWarning } = this.#options;
    const judge = (who: Introduction): string | undefined => this.#judge(who);
    const onPeer = ({ rank: from, purpose }: Introduction, messages: Messages): void => {
      if (purpose === 'control') this.#members.add(from, messages);
      else this.#next = messages.link;
      this.#news();
    };
    const onRefused = (problem: string): void => onWarning?.(`A connection was refused: ${problem}.`);
    try {
      return await Listener.open({ host, port, key, tls, judge, onPeer, onRefused });
    } catch (error) {
      const place = { rank, address: `${host}:${port}`, timeoutMs: 0 };
      throw unreachable(place, `of ${worldSize} processes this one cannot listen there (${messageOf(error)})`);
    }
  }

  #judge({ rank: from, worldSize: theirs, purpose }: Introduction): string | undefined {
    const { rank, worldSize } = this.#options;
    if (theirs !== worldSize) return `rank ${from} is one of ${theirs} processes, and rank ${rank} of ${worldSize}`;
    if (from >= worldSize || from === rank) return `a rank ${from} is not expected among ${worldSize} processes`;
    if (purpose === 'ring') {
      if (from !== (rank + 1) % worldSize) return `rank ${from} does not follow rank ${rank}`;
      return this.#next === undefined ? undefined : `there is a rank ${from} already`;
    }
    if (rank !== 0) return `rank ${rank} is not rank 0`;
    return this.#members.joined.includes(from) ? `there is a rank ${from} already` : undefined;
  }

  /** Tries until the time is over, since the other may start later. A refusal is final. */
  async #connect(address: Address, who: Introduction): Promise<Messages> {
    const { key, tls, rank } = this.#options;
    const { signal } = this.#stop;
    for (let pause = 50; ; pause = Math.min(2 * pause, 1000)) {
      try {
        return await introduced(await Link.connect(address, { tls, signal }), { key, who, signal });
      } catch (error) {
        if (error instanceof Refusal) {
          const peer = `${address.host}:${address.port}`;
          throw new EspalierError('GROUP_REFUSED', { rank, peer, problem: error.message });
        }
        signal.throwIfAborted();
        this.#problem = messageOf(error);
        await sleep(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    }
  }

  #tooLate(): Error {
    const { rank, worldSize, master, joinTimeoutMs } = this.#options;
    const problem =
      rank === 0 ? missingRanks(worldSize, this.#members.joined) : (this.#problem ?? 'others are missing');
    return unreachable({ rank, address: `${master.host}:${master.port}`, timeoutMs: joinTimeoutMs }, problem);
  }

  async #until(condition: () => boolean): Promise<void> {
    for (;;) {
      this.#stop.signal.throwIfAborted();
      if (condition()) return;
      await new Promise<void>((resolve) => this.#onNews.add(resolve));
    }
  }

  #news(): void {
    for (const resolve of this.#onNews) resolve();
    this.#onNews.clear();
  }
}

/** Introduces this rank. The link is closed if it is not taken, or if the signal aborts meanwhile. */
async function introduced(
  link: Link,
  { key, who, signal }: { readonly key: string; readonly who: Introduction; readonly signal: AbortSignal },
): Promise<Messages> {
  const close = (): void => link.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    const messages = new Messages(link);
    await introduce(messages, key, who);
    return messages;
  } catch (error) {
    close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
