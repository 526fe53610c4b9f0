import { byteLevelCharacter } from '../byte-level.ts';
import type { JsonObject, TokenizerFiles } from '../tokenizer-files.ts';

const specials = ['<unk>', '<s>', '</s>', '<|user|>', '<|assistant|>', '<|end|>'];
const words = ['the', 'he', 'th', 'hello', 'hel', 'lo', 'll', 'or', 'wor', 'ld', 'world', 'in', 'on', 'an'];

/** A byte-level vocabulary as GPT-2 and Llama 3 have it: all bytes, a few merges, and special tokens. */
export function byteLevelFiles(overrides: Partial<TokenizerFiles> = {}): TokenizerFiles {
  const bytes = Array.from({ length: 256 }, (_, byte) => byteLevelCharacter(byte));
  const merges = [
    'h e',
    'l l',
    'he ll',
    'hell o',
    '\u0120 w',
    'o r',
    '\u0120w or',
    'l d',
    '\u0120wor ld',
    // The two first bytes of most emoji, so that a character is cut in the middle of a token.
    `${byteLevelCharacter(0xf0)} ${byteLevelCharacter(0x9f)}`,
    `\u0120 ${byteLevelCharacter(0xf0)}${byteLevelCharacter(0x9f)}`,
  ];
  const vocab = [...specials, ...bytes, ...merges.map((merge) => merge.replace(' ', ''))];
  return {
    folder: 'byte-level',
    tokenizer: tokenizerJson(vocab, merges, {
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    }),
    tokenizerConfig: { bos_token: '<s>', eos_token: '</s>', add_bos_token: true },
    ...overrides,
  };
}

/** A sentencepiece vocabulary with byte fallback, as Llama 2 and Mistral have it. */
export function bytePieceFiles(overrides: Partial<TokenizerFiles> = {}): TokenizerFiles {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const letters = [...'abcdefghijklmnopqrstuvwxyz.,!\u2581'];
  const merges = [
    'h e',
    'l l',
    'he ll',
    'hell o',
    '\u2581 hello',
    '\u2581 w',
    'o r',
    '\u2581w or',
    'l d',
    '\u2581 \u2581',
  ];
  const vocab = [...specials, ...bytes, ...letters, ...merges.map((merge) => merge.replace(' ', ''))];
  const normalizers = [
    { type: 'Prepend', prepend: '\u2581' },
    { type: 'Replace', pattern: { String: ' ' }, content: '\u2581' },
  ];
  const decoders = [
    { type: 'Replace', pattern: { String: '\u2581' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    { type: 'Strip', content: ' ', start: 1, stop: 0 },
  ];
  return {
    folder: 'byte-piece',
    tokenizer: tokenizerJson(vocab, merges, {
      normalizer: { type: 'Sequence', normalizers },
      decoder: { type: 'Sequence', decoders },
      fallback: true,
    }),
    tokenizerConfig: { bos_token: { content: '<s>' }, eos_token: { content: '</s>' }, add_bos_token: true },
    ...overrides,
  };
}

/** A sentencepiece vocabulary without bytes, decoded by Metaspace. */
export function metaspaceFiles(): TokenizerFiles {
  const vocab = [
    ...specials,
    ...'abcdefghijklmnopqrstuvwxyz.,!\u2581',
    ...words,
    ...words.map((word) => `\u2581${word}`),
  ];
  return {
    folder: 'metaspace',
    tokenizer: tokenizerJson(vocab, [], {
      pre_tokenizer: { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'first', split: false },
      decoder: { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'first', split: false },
    }),
    tokenizerConfig: {},
  };
}

/** Word pieces, as BERT has them. */
export function wordPieceFiles(): TokenizerFiles {
  const vocab = [...specials, ...words, ...words.map((word) => `##${word}`), '.', ','];
  const tokenizer = tokenizerJson(vocab, [], { decoder: { type: 'WordPiece', prefix: '##', cleanup: true } });
  const model = { type: 'WordPiece', unk_token: '<unk>', continuing_subword_prefix: '##', vocab: idsByToken(vocab) };
  return { folder: 'word-piece', tokenizer: { ...tokenizer, model }, tokenizerConfig: {} };
}

interface Parts {
  readonly normalizer?: JsonObject;
  readonly pre_tokenizer?: JsonObject;
  readonly decoder: JsonObject;
  readonly fallback?: boolean;
}

function tokenizerJson(vocab: readonly string[], merges: readonly string[], parts: Parts): JsonObject {
  const { fallback = false, ...rest } = parts;
  return {
    version: '1.0',
    added_tokens: specials.map((content, id) => ({ id, content, special: true, normalized: false })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    ...rest,
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: fallback,
      vocab: idsByToken(vocab),
      merges,
    },
  };
}

function idsByToken(vocab: readonly string[]): Record<string, number> {
  return Object.fromEntries([...new Set(vocab)].map((token, id) => [token, id]));
}
