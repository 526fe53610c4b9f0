import { open } from 'node:fs/promises';
import { EspalierError } from '../../core/index.ts';
import { modelLimits, readGgufHeader, type GgufValue } from '../../tensor/index.ts';
import { MergeIds, TokenIds } from '../parse-tokenizer-json.ts';
import type { JsonObject, TokenizerFiles } from '../tokenizer-files.ts';
import { preTokenizers } from './pre-tokenizers.ts';
import { mergesByScore } from './merges-by-score.ts';

/** What kind a token is: `tokenizer.ggml.token_type`. */
const kinds = { unknown: 2, control: 3, userDefined: 4 } as const;

/**
 * Reads the tokenizer that a GGUF model holds.
 *
 * @returns the files of a tokenizer of the same vocabulary; undefined if the model has none
 * @throws EspalierError GGUF_MALFORMED, GGUF_UNSUPPORTED; TOKENIZER_INVALID for a kind of tokenizer that is not known
 */
export async function readGgufTokenizer(path: string): Promise<TokenizerFiles | undefined> {
  await using file = await open(path).catch((cause: unknown) => {
    throw new EspalierError('TOKENIZER_INVALID', { path, problem: 'it cannot be read' }, { cause });
  });
  const { size } = await file.stat();
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  };
  const { metadata } = await readGgufHeader({ path, size, read }, modelLimits);
  return ggufTokenizerFiles(metadata, path);
}

/** The same from the metadata of a file. @throws EspalierError TOKENIZER_INVALID */
export function ggufTokenizerFiles(metadata: ReadonlyMap<string, GgufValue>, path: string): TokenizerFiles | undefined {
  const settings = new Settings(metadata, path);
  const model = settings.text('model');
  if (model === undefined || model === 'none' || model === 'no_vocab') return undefined;
  const vocabulary = readVocabulary(settings, { normalizesOwn: model === 'llama' });
  const pieces = model === 'gpt2' ? ofBytePairs(settings, vocabulary) : undefined;
  const parts = pieces ?? (model === 'llama' ? ofSentencePieces(settings, vocabulary) : undefined);
  if (parts === undefined) throw settings.problem(`its tokenizer is ${model}, known are gpt2 and llama`);
  const { tokens } = vocabulary;
  const [bos, eos, unknown, pad] = ['bos', 'eos', 'unknown', 'padding'].map((name) =>
    settings.tokenId(name, tokens.length),
  );
  const named = (id: number | undefined): string | undefined => (id === undefined ? undefined : tokens[id]);
  const addsBos = settings.flag('add_bos_token') ?? parts.addsBos;
  const addsEos = settings.flag('add_eos_token') ?? false;
  const template = metadata.get('tokenizer.chat_template');
  return {
    folder: path,
    tokenizer: {
      ...parts.json,
      added_tokens: vocabulary.added,
      post_processor: postProcessor({ bos: addsBos ? bos : undefined, eos: addsEos ? eos : undefined, tokens }),
    },
    tokenizerConfig: {
      bos_token: named(bos),
      eos_token: named(eos),
      unk_token: named(unknown),
      pad_token: named(pad),
      clean_up_tokenization_spaces: false,
      ...(typeof template === 'string' && { chat_template: template }),
    },
    modelConfig: { bos_token_id: bos, eos_token_id: eos },
  };
}

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly ids: Map<string, number>;
  readonly added: readonly JsonObject[];
}

/** @param normalizesOwn  whether the user's tokens are found in normalized texts, as SentencePiece finds them */
function readVocabulary(settings: Settings, { normalizesOwn }: { readonly normalizesOwn: boolean }): Vocabulary {
  const tokens = settings.texts('tokens');
  if (tokens === undefined || tokens.length === 0) throw settings.problem('it has no tokens');
  const types = settings.numbers('token_type') ?? tokens.map(() => 1);
  if (types.length !== tokens.length)
    throw settings.problem(`it has ${tokens.length} tokens and ${types.length} types`);
  const ids = new Map<string, number>();
  // WHY the first: a token that comes twice can be written by one id only.
  for (const [id, token] of tokens.entries()) if (!ids.has(token)) ids.set(token, id);
  const added = tokens.flatMap((content, id): JsonObject[] => {
    const type = types[id];
    const special = type === kinds.control || type === kinds.unknown;
    if (!special && type !== kinds.userDefined) return [];
    return [
      { id, content, special, single_word: false, lstrip: false, rstrip: false, normalized: normalizesOwn && !special },
    ];
  });
  return { tokens, ids, added };
}

interface Parts {
  readonly json: JsonObject;
  /** Whether texts begin with the token of the beginning, unless the file says it. */
  readonly addsBos: boolean;
}

/** Pairs of bytes, whose pre-tokenizer is known by its name. */
function ofBytePairs(settings: Settings, { ids }: Vocabulary): Parts {
  const name = settings.text('pre') ?? 'default';
  const pre = preTokenizers.get(name);
  if (pre === undefined) {
    throw settings.problem(`its pre-tokenizer is ${name}, known are ${[...preTokenizers.keys()].join(', ')}`);
  }
  const merges: number[] = [];
  for (const merge of settings.texts('merges') ?? []) {
    const space = merge.indexOf(' ', 1);
    const [left, right] = [ids.get(merge.slice(0, space)), ids.get(merge.slice(space + 1))];
    if (space < 0 || left === undefined || right === undefined) {
      throw settings.problem(`its merge ${JSON.stringify(merge.slice(0, 40))} is not of two tokens`);
    }
    merges.push(left, right);
  }
  return {
    json: {
      normalizer: pre.normalizer ?? null,
      pre_tokenizer: pre.preTokenizer,
      decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: {
        type: 'BPE',
        vocab: new TokenIds(ids),
        merges: new MergeIds(merges),
        byte_fallback: false,
        fuse_unk: false,
        ignore_merges: pre.ignoresMerges === true,
      },
    },
    addsBos: pre.addsBos === true,
  };
}

const space = '▁';

/** SentencePiece's pairs: two pieces are merged in the order of the scores of the results. */
function ofSentencePieces(settings: Settings, { tokens, ids }: Vocabulary): Parts {
  const scores = settings.numbers('scores');
  if (scores?.length !== tokens.length) throw settings.problem('it has no scores of its tokens, or not one for each');
  const hasPrefix = settings.flag('add_space_prefix') ?? true;
  const unknown = tokens[settings.tokenId('unknown', tokens.length) ?? 0];
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: space };
  const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 };
  const fromSpaces = { type: 'Replace', pattern: { String: space }, content: ' ' };
  return {
    json: {
      normalizer: hasPrefix
        ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: space }, replace] }
        : replace,
      pre_tokenizer: null,
      decoder: {
        type: 'Sequence',
        decoders: [fromSpaces, { type: 'ByteFallback' }, { type: 'Fuse' }, ...(hasPrefix ? [strip] : [])],
      },
      model: {
        type: 'BPE',
        vocab: new TokenIds(ids),
        merges: new MergeIds(mergesByScore(tokens, ids, scores)),
        unk_token: unknown,
        byte_fallback: true,
        fuse_unk: true,
      },
    },
    addsBos: true,
  };
}

interface Ends {
  readonly bos: number | undefined;
  readonly eos: number | undefined;
  readonly tokens: readonly string[];
}

/** Puts the tokens of the beginning and the end around each text. */
function postProcessor({ bos, eos, tokens }: Ends): JsonObject | null {
  if (bos === undefined && eos === undefined) return null;
  const special = (id: number | undefined, type: number): JsonObject[] =>
    id === undefined ? [] : [{ SpecialToken: { id: tokens[id] ?? '', type_id: type } }];
  const around = (name: 'A' | 'B', type: number): JsonObject[] => [
    ...special(bos, type),
    { Sequence: { id: name, type_id: type } },
    ...special(eos, type),
  ];
  const used = [bos, eos].flatMap((id) => id ?? []);
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(
      used.map((id) => [tokens[id] ?? '', { id: tokens[id] ?? '', ids: [id], tokens: [tokens[id] ?? ''] }]),
    ),
  };
}

/** The settings below `tokenizer.ggml`, not trusted. */
class Settings {
  readonly #metadata: ReadonlyMap<string, GgufValue>;
  readonly #path: string;

  constructor(metadata: ReadonlyMap<string, GgufValue>, path: string) {
    this.#metadata = metadata;
    this.#path = path;
  }

  problem(problem: string): EspalierError {
    return new EspalierError('TOKENIZER_INVALID', { path: this.#path, problem });
  }

  text(name: string): string | undefined {
    return this.#read(name, 'text', (value) => typeof value === 'string');
  }

  flag(name: string): boolean | undefined {
    return this.#read(name, 'yes or no', (value) => typeof value === 'boolean');
  }

  texts(name: string): readonly string[] | undefined {
    return this.#read(name, 'list of texts', (value): value is readonly string[] => isList(value, 'string'));
  }

  numbers(name: string): readonly number[] | undefined {
    return this.#read(name, 'list of numbers', (value): value is readonly number[] => isList(value, 'number'));
  }

  /** @param count  the number of tokens */
  tokenId(name: string, count: number): number | undefined {
    const isId = (value: unknown): value is number =>
      typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < count;
    return this.#read(`${name}_token_id`, `token, one of ${count}`, isId);
  }

  #read<T>(name: string, what: string, is: (value: unknown) => value is T): T | undefined {
    const value: unknown = this.#metadata.get(`tokenizer.ggml.${name}`);
    if (value === undefined) return undefined;
    if (is(value)) return value;
    throw this.problem(`its tokenizer.ggml.${name} is no ${what}`);
  }
}

function isList(value: unknown, type: 'string' | 'number'): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === type);
}
