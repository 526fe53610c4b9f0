import type { JsonObject } from '../tokenizer-files.ts';

/** How a text is divided before its bytes are paired, as llama.cpp knows it by a name. */
export interface PreTokenizer {
  readonly preTokenizer: JsonObject;
  readonly normalizer?: JsonObject;
  /** Whether a piece that is a token needs no merges. */
  readonly ignoresMerges?: boolean;
  /** Whether texts begin with the token of the beginning. */
  readonly addsBos?: boolean;
}

const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };

function split(pattern: string): JsonObject {
  const divided = { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
  return { type: 'Sequence', pretokenizers: [divided, bytes] };
}

/** Words, numbers of up to so many digits, and signs, as in GPT-4. */
const words = (digits: string): string =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const gpt2 = { preTokenizer: { ...bytes, use_regex: true } };
const llama3: PreTokenizer = { preTokenizer: split(words('{1,3}')), ignoresMerges: true, addsBos: true };
const qwen2: PreTokenizer = { preTokenizer: split(words('')), normalizer: { type: 'NFC' } };
const singleDigits: PreTokenizer = {
  preTokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Digits', individual_digits: true },
      { ...bytes, use_regex: true },
    ],
  },
};

/** By `tokenizer.ggml.pre`. */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map<string, PreTokenizer>([
  ['gpt-2', gpt2],
  ['llama-bpe', llama3],
  ['llama-v3', llama3],
  ['llama3', llama3],
  ['qwen2', qwen2],
  ['smollm', singleDigits],
]);
