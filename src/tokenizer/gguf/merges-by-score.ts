/**
 * The merges of a vocabulary of SentencePiece: every way in which a piece consists of two others, in the order in which SentencePiece
 * would merge them: the higher score of the result first, then the earlier pieces.
 *
 * @returns the ids of the two pieces of each merge, one after another
 */
export function mergesByScore(
  tokens: readonly string[],
  ids: ReadonlyMap<string, number>,
  scores: readonly number[],
): number[] {
  const merges: { readonly left: number; readonly right: number; readonly score: number }[] = [];
  tokens.forEach((token, id) => {
    if (ids.get(token) !== id) return;
    const score = scores[id] ?? 0;
    for (let i = 1; i < token.length; i++) {
      const [left, right] = [ids.get(token.slice(0, i)), ids.get(token.slice(i))];
      if (left !== undefined && right !== undefined) merges.push({ left, right, score });
    }
  });
  merges.sort((a, b) => b.score - a.score || a.left - b.left || a.right - b.right);
  return merges.flatMap(({ left, right }) => [left, right]);
}
