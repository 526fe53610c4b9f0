import { EspalierError, messageOf, type Clock } from '../../../core/index.ts';
import { Control, errorOf, type ControlMessage } from './control.ts';
import type { Peer } from './peer.ts';
import { ranksBehind, silentRanks, stoodStill, type RankState, type WatchLimits } from './watch.ts';

export interface MembersOptions {
  readonly rank: number;
  readonly worldSize: number;
  readonly clock: Clock;
  readonly limits: WatchLimits;
  /** How long an operation may wait for the others. */
  readonly timeoutMs: number;
  readonly onWarning: (message: string) => void;
  /** Messages of the rendezvous. */
  readonly onMessage: (from: number, message: ControlMessage) => void;
}

/**
 * Who is in the group, and whether all are still there. Rank 0 hears from all and all from rank 0. When one is lost, rank 0 tells the
 * others, so that all name the same.
 */
export class Members {
  readonly #options: MembersOptions;
  readonly #control: Control;
  readonly #failure = new AbortController();
  readonly #states = new Map<number, RankState>();
  /** Operations that each rank has begun, as this rank knows. */
  readonly #at = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;
  #lastBeat: number;
  #begun = 0;
  #waitingSince: number | undefined;
  #isWarned = false;
  #isEnding = false;

  constructor(options: MembersOptions) {
    this.#options = options;
    this.#control = new Control({
      onMessage: (from, message) => this.#heard(from, message),
      onEnd: (from, problem) => this.#lost(from, `its connection ended (${problem})`),
    });
    this.#lastBeat = options.clock.now();
    this.#timer = setInterval(() => this.beat(), options.limits.beatMs).unref();
  }

  /** Aborts when the group is broken. */
  get failed(): AbortSignal {
    return this.#failure.signal;
  }

  get joined(): readonly number[] {
    return this.#control.ranks;
  }

  add(rank: number, peer: Peer): void {
    this.#states.set(rank, { heard: this.#options.clock.now() });
    this.#control.add(rank, peer);
  }

  tell(message: ControlMessage, to?: number): void {
    if (to === undefined) this.#control.sendAll(message);
    else this.#control.sendTo(to, message);
  }

  /** An operation begins. */
  begins(): void {
    this.#begun += 1;
    this.#at.set(this.#options.rank, this.#begun);
    this.#waitingSince = this.#options.clock.now();
    this.#isWarned = false;
  }

  /** The operation has ended. */
  ends(): void {
    this.#waitingSince = undefined;
  }

  /** What is due each second: to tell that this rank is there, and to look who is not. */
  beat(): void {
    if (this.#isEnding || this.failed.aborted) return;
    const { rank, worldSize, clock, limits } = this.#options;
    const now = clock.now();
    if (stoodStill(this.#lastBeat, { now, beatMs: limits.beatMs })) {
      for (const each of this.#states.keys()) this.#states.set(each, { heard: now });
      if (this.#waitingSince !== undefined) this.#waitingSince = now;
    }
    this.#lastBeat = now;
    const at = rank === 0 ? Array.from({ length: worldSize }, (_, each) => this.#at.get(each) ?? 0) : [this.#begun];
    this.#control.sendAll({ kind: 'beat', at });
    const present = new Map([...this.#states].filter(([each]) => !this.#control.hasLeft(each)));
    const [silent] = silentRanks(present, { now, silenceMs: limits.silenceMs });
    if (silent !== undefined) {
      const seconds = Math.round((now - (this.#states.get(silent)?.heard ?? now)) / 1000);
      return this.#lost(silent, `nothing was heard of it for ${seconds} s`);
    }
    this.#lookForLate(now);
  }

  /** A link of the ring with a neighbour ended. The reason may come by another way; without it, the neighbour is lost. */
  suspect(neighbour: number, why: string): void {
    if (this.#isEnding || this.failed.aborted || this.#control.hasLeft(neighbour)) return;
    const { rank, limits } = this.#options;
    const problem = `its connection with rank ${rank} ended (${why})`;
    if (rank !== 0) this.#control.sendAll({ kind: 'suspect', rank: neighbour, problem });
    setTimeout(() => this.#lost(neighbour, problem), rank === 0 ? limits.graceMs : 2 * limits.graceMs).unref();
  }

  /** Ends the group for this rank with an error, and tells the others. */
  fail(error: Error): void {
    const { rank } = this.#options;
    void this.#end(error, { kind: 'abort', rank, problem: messageOf(error) });
  }

  /** Tells the others why this rank ends. */
  async abort(reason: string): Promise<void> {
    const { rank } = this.#options;
    const message = { kind: 'abort', rank, problem: reason } as const;
    await this.#end(errorOf(message), message);
  }

  async leave(): Promise<void> {
    if (this.failed.aborted) return;
    this.#stop();
    await this.#control.end({ kind: 'leave' });
  }

  #heard(from: number, message: ControlMessage): void {
    this.#states.set(from, { heard: this.#options.clock.now() });
    switch (message.kind) {
      case 'beat':
        return this.#noteBeat(from, message.at);
      case 'suspect':
        setTimeout(() => this.#lost(message.rank, message.problem), this.#options.limits.graceMs).unref();
        return;
      case 'lost':
      case 'abort':
        return void this.#end(errorOf(message), message);
      default:
        return this.#options.onMessage(from, message);
    }
  }

  #noteBeat(from: number, at: readonly number[]): void {
    if (from !== 0) {
      this.#at.set(from, at[0] ?? 0);
      return;
    }
    for (const [rank, begun] of at.entries()) if (rank !== this.#options.rank) this.#at.set(rank, begun);
  }

  #lookForLate(now: number): void {
    const { timeoutMs, onWarning, limits } = this.#options;
    if (this.#waitingSince === undefined) return;
    const waited = now - this.#waitingSince;
    const [late, ...others] = ranksBehind(this.#at, this.#begun);
    if (waited > timeoutMs) {
      const problem = `it has not come to operation ${this.#begun} for ${Math.round(waited / 1000)} s`;
      return this.#lost(late ?? (this.#options.rank === 0 ? 1 : 0), problem);
    }
    if (late === undefined || waited < limits.behindMs || this.#isWarned) return;
    this.#isWarned = true;
    const names = [late, ...others].map((each) => `rank ${each}`).join(', ');
    onWarning(`Waiting for ${names}, since ${Math.round(waited / 1000)} s, at operation ${this.#begun}.`);
  }

  #lost(rank: number, problem: string): void {
    if (this.#control.hasLeft(rank) || rank === this.#options.rank) return;
    const message = { kind: 'lost', rank, problem } as const;
    void this.#end(errorOf(message), message);
  }

  async #end(error: Error, last: ControlMessage): Promise<void> {
    if (this.#isEnding || this.failed.aborted) return;
    this.#stop();
    this.#failure.abort(error);
    await this.#control.end(last);
  }

  #stop(): void {
    this.#isEnding = true;
    clearInterval(this.#timer);
  }
}

/** Says which ranks have not come. */
export function missingRanks(worldSize: number, joined: readonly number[]): string {
  const missing = Array.from({ length: worldSize - 1 }, (_, i) => i + 1).filter((rank) => !joined.includes(rank));
  return missing.length === 0 ? 'not all ranks reached their neighbours' : `missing: ${missing.join(', ')}`;
}

export function unreachable(
  { rank, address, timeoutMs }: { readonly rank: number; readonly address: string; readonly timeoutMs: number },
  problem: string,
): EspalierError {
  return new EspalierError('GROUP_UNREACHABLE', { rank, address, seconds: Math.round(timeoutMs / 1000), problem });
}
