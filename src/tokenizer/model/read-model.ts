import { MergeIds, TokenIds } from '../parse-tokenizer-json.ts';
import { isJsonObject, type JsonObject } from '../tokenizer-files.ts';
import { BytePairs } from './byte-pairs.ts';
import type { TokenModel } from './token-model.ts';
import { Unigram } from './unigram.ts';
import { WordLevel, WordPieces } from './words.ts';

/** A model with its tokens. */
export interface ReadModel {
  readonly model: TokenModel;
  readonly vocabulary: ReadonlyMap<string, number>;
  /** The tokens by id. */
  readonly tokens: readonly string[];
  /** How many there are. */
  readonly size: number;
}

/** The limit on ids. No real vocabulary comes near it, and larger ids do not fit the input of a graph. */
const maxId = 2 ** 31 - 1;

/**
 * Reads the `model` of a `tokenizer.json` and checks all of it.
 *
 * @throws RangeError with the problem
 */
export function readModel(json: unknown): ReadModel {
  if (!isJsonObject(json)) throw new RangeError('it has no model with a vocab');
  switch (typeOf(json)) {
    case 'BPE': {
      if (json['dropout']) throw new RangeError('its model has dropout, which makes ids random; set dropout to null');
      const { vocabulary, tokens } = readVocabulary(json['vocab']);
      const merges = json['merges'] ?? [];
      if (!Array.isArray(merges) && !(merges instanceof MergeIds)) throw new RangeError('its merges are no list');
      const settings = {
        unk_token: text(json, 'unk_token'),
        continuing_subword_prefix: text(json, 'continuing_subword_prefix'),
        end_of_word_suffix: text(json, 'end_of_word_suffix'),
        fuse_unk: flag(json, 'fuse_unk'),
        byte_fallback: flag(json, 'byte_fallback'),
        ignore_merges: flag(json, 'ignore_merges'),
      };
      const model = new BytePairs({ vocabulary, tokens, merges }, settings);
      return { model, vocabulary, tokens, size: vocabulary.size };
    }
    case 'WordPiece': {
      const { vocabulary, tokens } = readVocabulary(json['vocab']);
      const settings = {
        unk_token: text(json, 'unk_token') ?? '[UNK]',
        continuing_subword_prefix: text(json, 'continuing_subword_prefix') ?? '##',
        max_input_chars_per_word: count(json, 'max_input_chars_per_word') ?? 100,
      };
      return { model: new WordPieces(vocabulary, settings), vocabulary, tokens, size: vocabulary.size };
    }
    case 'Unigram': {
      const entries = readEntries(json['vocab']);
      const vocabulary = new Map(entries.map(([token], id) => [token, id]));
      const settings = { unk_id: count(json, 'unk_id'), byte_fallback: flag(json, 'byte_fallback') };
      const model = new Unigram(entries, vocabulary, settings);
      return { model, vocabulary, tokens: entries.map(([token]) => token), size: entries.length };
    }
    case 'WordLevel': {
      const { vocabulary, tokens } = readVocabulary(json['vocab']);
      const model = new WordLevel(vocabulary, text(json, 'unk_token'));
      return { model, vocabulary, tokens, size: vocabulary.size };
    }
  }
}

type ModelType = 'BPE' | 'WordPiece' | 'Unigram' | 'WordLevel';
const modelTypes: readonly string[] = ['BPE', 'WordPiece', 'Unigram', 'WordLevel'] satisfies ModelType[];

/** Old files omit the type. It follows from the fields. */
function typeOf(json: JsonObject): ModelType {
  const { type } = json;
  if (isModelType(type)) return type;
  if (type !== undefined) {
    throw new RangeError(`its model is ${JSON.stringify(type)}, known are ${modelTypes.join(', ')}`);
  }
  if (Array.isArray(json['vocab'])) return 'Unigram';
  if (json['merges'] !== undefined) return 'BPE';
  return json['max_input_chars_per_word'] === undefined ? 'WordLevel' : 'WordPiece';
}

function isModelType(type: unknown): type is ModelType {
  return typeof type === 'string' && modelTypes.includes(type);
}

function readVocabulary(vocab: unknown): { vocabulary: Map<string, number>; tokens: string[] } {
  const vocabulary = vocab instanceof TokenIds ? vocab.ids : mapOf(vocab);
  for (const [token, id] of vocabulary) {
    if (!isId(id)) throw new RangeError(`the token ${shown(token)} has the id ${shown(id)}`);
  }
  // WHY the length comes first: ids come in any order, and a list that is filled so is slow unless its length is known.
  const tokens: string[] = [];
  tokens.length = vocabulary.size;
  for (const [token, id] of vocabulary) tokens[id] = token;
  return { vocabulary, tokens };
}

function mapOf(vocab: unknown): Map<string, number> {
  if (!isJsonObject(vocab)) throw new RangeError('it has no model with a vocab');
  const map = new Map<string, number>();
  for (const token in vocab) {
    const id = vocab[token];
    if (typeof id !== 'number') throw new RangeError(`the token ${shown(token)} has the id ${shown(id)}`);
    map.set(token, id);
  }
  return map;
}

function readEntries(vocab: unknown): (readonly [string, number])[] {
  if (!Array.isArray(vocab) || vocab.length === 0) throw new RangeError('it has no model with a vocab');
  const entries: unknown[] = vocab;
  return entries.map((entry) => {
    const [token, score]: unknown[] = Array.isArray(entry) ? entry : [];
    if (typeof token === 'string' && typeof score === 'number' && Number.isFinite(score))
      return [token, score] as const;
    throw new RangeError(`its vocab holds ${shown(entry)}, expected pairs of text and score`);
  });
}

export function isId(id: unknown): id is number {
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= maxId;
}

function text(json: JsonObject, name: string): string | undefined {
  const value = json[name] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw new RangeError(`its ${name} is ${shown(value)}, expected a text`);
}

function flag(json: JsonObject, name: string): boolean {
  const value = json[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw new RangeError(`its ${name} is ${shown(value)}, expected true or false`);
}

function count(json: JsonObject, name: string): number | undefined {
  const value = json[name] ?? undefined;
  if (value === undefined || isId(value)) return value;
  throw new RangeError(`its ${name} is ${shown(value)}, expected a count`);
}

export function shown(value: unknown): string {
  const written = JSON.stringify(value) ?? 'nothing';
  return written.length > 60 ? `${written.slice(0, 57)}...` : written;
}
