import { nearestRank } from '../../core/index.ts';
import type { EndedSequence } from './sources.ts';

/** Percentiles of the latest answers, in milliseconds; undefined where there were none. */
export interface RecentFigures {
  /** Answers that the percentiles are of. */
  readonly answers: number;
  readonly firstTokenMs: Percentiles | undefined;
  readonly answerMs: Percentiles | undefined;
  readonly queueMs: Percentiles | undefined;
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}

interface Times {
  /** When the answer ended, of the clock of `now`. */
  readonly at: number;
  readonly queue: number | undefined;
  readonly first: number | undefined;
  readonly whole: number;
}

/** Answers that are kept, and how long they count. */
const kept = 512;
const windowMs = 60_000;

/** The times of the latest finished answers, at most 512 of the last minute. What an answer costs here does not depend on its length. */
export class RecentTimes {
  readonly #now: () => number;
  readonly #ring: Times[] = [];
  #next = 0;

  /** @param now  milliseconds of any monotonic clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  add({ times, how, isBackground }: EndedSequence): void {
    const { arrived, admitted, firstToken, finished } = times;
    if (isBackground || how !== 'finished' || arrived === undefined || finished === undefined) return;
    const since = (at: number | undefined): number | undefined => (at === undefined ? undefined : at - arrived);
    this.#ring[this.#next] = {
      at: this.#now(),
      queue: since(admitted),
      first: since(firstToken),
      whole: finished - arrived,
    };
    this.#next = (this.#next + 1) % kept;
  }

  figures(): RecentFigures {
    const from = this.#now() - windowMs;
    const recent = this.#ring.filter(({ at }) => at >= from);
    return {
      answers: recent.length,
      queueMs: percentiles(recent.map(({ queue }) => queue)),
      firstTokenMs: percentiles(recent.map(({ first }) => first)),
      answerMs: percentiles(recent.map(({ whole }) => whole)),
    };
  }
}

/** By nearest rank. */
function percentiles(values: readonly (number | undefined)[]): Percentiles | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const at = (share: number): number | undefined => sorted[nearestRank(share, sorted.length) - 1];
  const [p50, p95] = [at(0.5), at(0.95)];
  return p50 === undefined || p95 === undefined ? undefined : { p50, p95 };
}
