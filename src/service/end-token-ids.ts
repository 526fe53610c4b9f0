import type { Tokenizer } from '../tokenizer/index.ts';

/**
 * The tokens that end an answer: those of the model's files, and those of its tokenizer's. WHY both: the token that ends a turn of a chat
 * may be in one of the files only.
 */
export function endTokenIds(
  own: readonly number[],
  tokenizer: Pick<Tokenizer, 'eosIds'> | undefined,
): readonly number[] {
  return [...new Set([...own, ...(tokenizer?.eosIds ?? [])])];
}
