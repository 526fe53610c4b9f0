import type { ChatMessage } from '../tokenizer/index.ts';

/** A conversation without its oldest turns. */
export interface NewestTurns {
  readonly messages: readonly ChatMessage[];
  /** The place in the whole conversation of each message that is left. */
  readonly places: readonly number[];
}

const instructions: ReadonlySet<string> = new Set(['system', 'developer']);

/**
 * The ways to leave the oldest turns of a conversation away, the whole conversation first and its last turn last. A turn begins with a
 * message of the user and ends before the next one, so that a call stays with its result. Instructions are no part of a turn and stay.
 */
export function shorterConversations(messages: readonly ChatMessage[]): readonly (() => NewestTurns)[] {
  const begins = messages.flatMap(({ role }, index) => (role === 'user' ? [index] : []));
  // What stands before the second turn goes with the first one.
  const starts = [0, ...begins.slice(1)];
  return starts.map((start) => () => {
    const places = messages.flatMap(({ role }, index) => (index >= start || instructions.has(role) ? [index] : []));
    return { messages: places.flatMap((place) => messages[place] ?? []), places };
  });
}

/**
 * Finds the first of some candidates that fits, if each is smaller than the one before. Few are tried: their number is halved each time.
 *
 * @param fits  undefined: it does not fit
 * @returns what `fits` gave for it; undefined if none fits
 */
export async function firstThatFits<C, T>(
  candidates: readonly C[],
  fits: (candidate: C) => Promise<T | undefined>,
): Promise<T | undefined> {
  let [low, high] = [0, candidates.length];
  let found: T | undefined;
  // WHY the whole conversation before all others: most fit.
  for (let middle = 0; low < high; middle = Math.floor((low + high) / 2)) {
    const candidate = candidates[middle];
    const fitting = candidate === undefined ? undefined : await fits(candidate);
    if (fitting === undefined) low = middle + 1;
    else [high, found] = [middle, fitting];
  }
  return found;
}
