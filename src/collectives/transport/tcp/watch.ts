/** What a rank was last heard to do. */
export interface RankState {
  /** When it was last heard, in milliseconds. */
  readonly heard: number;
  /** Operations that it has begun. */
  readonly at: number;
}

export const watchLimits = {
  /** Between two beats. */
  beatMs: 1000,
  /** Of silence, after which a rank is lost. With the beats before, the others say so within 10 s. */
  silenceMs: 8000,
  /** Of waiting for ranks that are heard but have not come, until they are named. */
  behindMs: 9000,
} as const;

/** Ranks that have been silent for too long. Pure function. */
export function silentRanks(ranks: ReadonlyMap<number, RankState>, now: number): readonly number[] {
  return [...ranks].filter(([, { heard }]) => now - heard > watchLimits.silenceMs).map(([rank]) => rank);
}

/** Ranks that have not begun the operation at which this one waits. Pure function. */
export function ranksBehind(at: ReadonlyMap<number, number>, own: number): readonly number[] {
  return [...at].filter(([, operations]) => operations < own).map(([rank]) => rank);
}

/**
 * Whether a beat came so late that this process itself stood still. What others said meanwhile lies unread in its sockets, so that their
 * silence proves nothing.
 */
export function stoodStill(lastBeat: number, now: number): boolean {
  return now - lastBeat > 3 * watchLimits.beatMs;
}
