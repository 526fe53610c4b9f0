import { createHash } from 'node:crypto';
import type { Tokenizer } from '../../tokenizer/index.ts';
import type { EncodedExample } from './encode-example.ts';
import type { Example } from './example.ts';
import type { Row } from './row.ts';

/** What is odd about a row that can be trained on, and is seldom meant. */
export const oddities = {
  duplicate: 'the same tokens as an earlier row',
  emptyAnswer: 'an answer without a word',
  withoutAnswer: 'no message of the assistant',
  secondBos: 'the token that begins a text more than once',
  noEnd: 'no learned token that ends an answer',
} as const;

export type Oddity = keyof typeof oddities;

/** Finds what is odd about rows. It remembers the tokens of each row by a hash. */
export class OddityFinder {
  readonly #tokenizer: Pick<Tokenizer, 'bosId'> | undefined;
  readonly #seen = new Set<string>();

  constructor(tokenizer: Pick<Tokenizer, 'bosId'> | undefined) {
    this.#tokenizer = tokenizer;
  }

  find(encoded: EncodedExample): readonly Oddity[] {
    const { row, whole } = encoded;
    const found: Oddity[] = [];
    if (this.#isSeen(whole)) found.push('duplicate');
    if (hasEmptyAnswer(row)) found.push('emptyAnswer');
    if (row.kind === 'messages' && !row.messages.some(({ role }) => role === 'assistant')) found.push('withoutAnswer');
    const { bosId } = this.#tokenizer ?? {};
    if (bosId !== undefined && whole.inputIds.indexOf(bosId, 1) >= 0) found.push('secondBos');
    if (!encoded.learnsEnd) found.push('noEnd');
    return found;
  }

  #isSeen({ inputIds, labels }: Example): boolean {
    const hash = createHash('sha256').update(bytesOf(inputIds)).update(bytesOf(labels)).digest('base64');
    const isSeen = this.#seen.has(hash);
    this.#seen.add(hash);
    return isSeen;
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function hasEmptyAnswer(row: Row): boolean {
  if (row.kind === 'completion') return row.completion.trim() === '';
  if (row.kind !== 'messages') return false;
  return row.messages.some(
    ({ role, content, tool_calls: calls }, index) =>
      role === 'assistant' &&
      row.learned?.[index] !== false &&
      calls === undefined &&
      typeof content === 'string' &&
      content.trim() === '',
  );
}
