/** How many tokens two sequences have in common at their beginning, or a sequence and what begins at a place of the other. */
export function sharedLength(a: readonly number[], b: readonly number[], from = 0): number {
  let length = 0;
  while (length < a.length && from + length < b.length && a[length] === b[from + length]) length++;
  return length;
}
