/** What a rank was last heard to do. */
export interface RankState {
  /** When it was last heard, in milliseconds. */
  readonly heard: number;
}

export interface WatchLimits {
  readonly beatMs: number;
  readonly silenceMs: number;
  readonly behindMs: number;
  readonly graceMs: number;
}

export const watchLimits: WatchLimits = {
  /** Between two beats. */
  beatMs: 1000,
  /** Of silence, after which a rank is lost. With the beats before, the others say so within 10 s. */
  silenceMs: 8000,
  /** Of waiting for ranks that are heard but have not come, until they are named. */
  behindMs: 9000,
  /** For the news of why a link ended to come by another way. */
  graceMs: 1000,
};

/** Limits for another silence: of a shorter one, several beats must fit into it. Pure function. */
export function limitsFor(silenceMs: number): WatchLimits {
  return { ...watchLimits, silenceMs, beatMs: Math.min(watchLimits.beatMs, silenceMs / 6) };
}

/** When a connection on which nothing comes back ends by itself. */
export interface Probes {
  readonly probesAfterSeconds: number;
  readonly secondsBetweenProbes: number;
  /** Without an answer. */
  readonly probes: number;
}

/**
 * Probes by which a rank finds that its neighbour is out of reach, where both are heard by rank 0, in time for it to be named as soon as one
 * that is silent. WHY not a limit for bytes that are not confirmed (TCP_USER_TIMEOUT): it also ends the connection with a rank that
 * computes and so reads nothing. Pure function.
 */
export function probesFor({ silenceMs, graceMs }: Pick<WatchLimits, 'silenceMs' | 'graceMs'>): Probes {
  const seconds = Math.floor((silenceMs - graceMs) / 1000);
  return { probesAfterSeconds: 1, secondsBetweenProbes: 1, probes: Math.max(1, seconds - 1) };
}

/** Ranks that have been silent for too long. Pure function. */
export function silentRanks(
  ranks: ReadonlyMap<number, RankState>,
  { now, silenceMs }: { readonly now: number; readonly silenceMs: number },
): readonly number[] {
  return [...ranks].filter(([, { heard }]) => now - heard > silenceMs).map(([rank]) => rank);
}

/** Ranks that have not begun the operation at which this one waits. Pure function. */
export function ranksBehind(at: ReadonlyMap<number, number>, own: number): readonly number[] {
  return [...at].filter(([, operations]) => operations < own).map(([rank]) => rank);
}

/**
 * Whether a beat came so late that this process itself stood still. What others said meanwhile lies unread in its sockets, so that their
 * silence proves nothing.
 */
export function stoodStill(
  lastBeat: number,
  { now, beatMs }: { readonly now: number; readonly beatMs: number },
): boolean {
  return now - lastBeat > 3 * beatMs;
}
