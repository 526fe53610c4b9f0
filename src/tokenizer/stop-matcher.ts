/**
 * Finds stop strings in text that arrives in pieces.
 *
 * Text that may be the beginning of a stop string is held back until this is decided, so that no part of a stop string is sent. All
 * other text is passed on at once.
 */
export interface StopMatcher {
  /** @returns the text that may be sent now, and the stop string that was met, if one was (nothing after it is sent). */
  push(text: string): { readonly text: string; readonly stop?: string };
  /** @returns the text that was held back: what comes last was no stop string after all. */
  end(): string;
}

/** @param stops strings, none of them empty */
export function createStopMatcher(stops: readonly string[]): StopMatcher {
  let held = '';
  return {
    push(text) {
      held += text;
      const first = firstMatch(held, stops);
      if (first !== undefined) {
        const before = held.slice(0, first.start);
        held = '';
        return { text: before, stop: first.stop };
      }
      const safe = held.length - longestPendingSuffix(held, stops);
      const out = held.slice(0, safe);
      held = held.slice(safe);
      return { text: out };
    },
    end() {
      const rest = held;
      held = '';
      return rest;
    },
  };
}

/**
 * The stop string that is complete first, and its start (of two that end together, the longer).
 * WHY not the one that begins first: the answer must not depend on how the text was cut into pieces.
 */
function firstMatch(
  text: string,
  stops: readonly string[],
): { readonly start: number; readonly stop: string } | undefined {
  const matches = stops
    .map((stop) => ({ start: text.indexOf(stop), stop }))
    .filter(({ start }) => start >= 0)
    .toSorted((a, b) => a.start + a.stop.length - (b.start + b.stop.length) || a.start - b.start);
  return matches[0];
}

/** Length of the longest end of the text that is a proper beginning of a stop string. */
function longestPendingSuffix(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}
