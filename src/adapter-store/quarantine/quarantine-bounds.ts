/** How much of what was refused is kept. What is absent is not bounded. */
export interface QuarantineBounds {
  readonly count?: number | undefined;
  readonly bytes?: number | undefined;
  /** Milliseconds since it was refused. */
  readonly ageMs?: number | undefined;
}

/** Something in quarantine that may be removed. */
export interface Found {
  /** When it was refused: Unix time in milliseconds. */
  readonly time: number;
  readonly bytes: number;
}

/**
 * What is beyond the bounds, the oldest first, each with the bound that it is beyond. Pure function.
 * @param found  in any order
 * @param now  Unix time in milliseconds
 */
export function beyondBounds<One extends Found>(
  found: readonly One[],
  { count = Infinity, bytes = Infinity, ageMs = Infinity }: QuarantineBounds,
  now: number,
): (One & { readonly reason: string })[] {
  const beyond: (One & { readonly reason: string })[] = [];
  let [places, room] = [count, bytes];
  let reason: string | undefined;
  for (const one of found.toSorted((a, b) => b.time - a.time)) {
    places--;
    room -= one.bytes;
    // WHY everything before it too: the oldest goes first, even where a smaller one would still fit.
    if (now - one.time > ageMs) reason ??= `it is older than ${ageMs / 86_400_000} days`;
    else if (places < 0) reason ??= `more than ${count} are there`;
    else if (room < 0) reason ??= `more than ${bytes} bytes are there`;
    if (reason !== undefined) beyond.push({ ...one, reason });
  }
  return beyond.reverse();
}
