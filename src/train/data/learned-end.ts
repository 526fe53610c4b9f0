import type { Tokenizer } from '../../tokenizer/index.ts';
import { ignoredLabel, type Example } from './example.ts';
import type { Row } from './row.ts';

/** WHY three: some templates write a line feed or two behind the token that ends a turn. */
const afterEnd = 3;

/**
 * Whether the end of an answer is learned: a token that ends it, at the end of the last run of learned tokens, or the mark with which the
 * chat template ends a turn. It is true where nothing is learned at all, and for a model without a tokenizer.
 */
export function learnsEnd(
  row: Row,
  { labels }: Example,
  tokenizer: Pick<Tokenizer, 'eosIds' | 'turnMark'> | undefined,
): boolean {
  if (tokenizer === undefined || (row.kind === 'messages' && tokenizer.turnMark !== undefined)) return true;
  const last = labels.findLastIndex((label) => label !== ignoredLabel);
  if (last < 0) return true;
  return labels.subarray(Math.max(0, last + 1 - afterEnd), last + 1).some((label) => tokenizer.eosIds.includes(label));
}
