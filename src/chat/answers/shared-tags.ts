/** A literal as tags, marks in brackets, white space and what is between them. WHY whole tags: those of two literals may end in the same letters. */
function tagsOf(literal: string): readonly string[] {
  return literal.match(/<[^<>]*>?|\[[^[\]\s]*\]|\s+|[^<[\s]+|\[/gu) ?? [];
}

/** The longest beginning of whole tags that two literals share. */
export function sharedStart(a: string, b: string): string {
  const [left, right] = [tagsOf(a), tagsOf(b)];
  let count = 0;
  while (count < left.length && left[count] === right[count]) count++;
  return left.slice(0, count).join('');
}

/** The longest end of whole tags that two literals share. */
export function sharedEnd(a: string, b: string): string {
  const [left, right] = [tagsOf(a), tagsOf(b)];
  let count = 0;
  while (count < left.length && count < right.length && left.at(-1 - count) === right.at(-1 - count)) count++;
  return left.slice(left.length - count).join('');
}
