/** Longer words are not mistyped names, and the cost of a distance grows with the product of the two lengths. */
const longestWord = 64;

/**
 * Finds the candidate nearest to a mistyped word, for "did you mean".
 * @returns undefined if more than a third of the word would have to change, or if the word is longer than any name
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > longestWord) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.ceil(word.length / 3)) + 1;
  for (const candidate of candidates) {
    if (candidate.length > longestWord || Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word, candidate, bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** " Did you mean X?", to append to a sentence; empty when no candidate is near, and never a hint at the word itself. Case counts less than spelling. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  // WHY first: neither a copy of the candidates nor of a word of megabytes is worth making.
  if (word.length > longestWord) return '';
  const list = [...candidates];
  const near = nearest(word, list) ?? nearest(word.toLowerCase(), list);
  return near === undefined || near === word ? '' : ` Did you mean ${near}?`;
}

/**
 * Levenshtein distance in characters, computed row by row.
 * @returns the distance, or `limit` as soon as it cannot be smaller
 */
function editDistance(a: string, b: string, limit: number): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const distance = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, substitution);
      row.push(distance);
      least = Math.min(least, distance);
    }
    // The minimum of a row never decreases from one row to the next.
    if (least >= limit) return limit;
    previous = row;
  }
  return previous[b.length] ?? 0;
}
