/** Which rows of a long table are drawn. Pure function. */

/** Rows that are drawn above and below what is seen, so that a quick scroll finds them. */
const extra = 8;

/**
 * @param {{ count: number, rowHeight: number, top: number, height: number }} view  pixels of what is seen
 * @returns {{ first: number, end: number, before: number, after: number }} rows from `first` to before `end`, and the pixels of the others
 */
export function windowOfRows({ count, rowHeight, top, height }) {
  const first = Math.max(0, Math.min(count, Math.floor(top / rowHeight) - extra));
  const end = Math.min(count, Math.ceil((top + height) / rowHeight) + extra);
  return { first, end: Math.max(first, end), before: first * rowHeight, after: Math.max(0, count - end) * rowHeight };
}
