import { join } from 'node:path';

import { EspalierError } from '../core/index.ts';
import { isJsonObject, type JsonObject, type TokenizerFiles } from './tokenizer-files.ts';

/** The tokens that begin and end a text, as strings (for chat templates) and as ids. */
export interface SpecialTokens {
  /** By the names that chat templates use: `bos_token`, `eos_token`, `pad_token`, `unk_token`. */
  readonly texts: Readonly<Record<string, string>>;
  /** The token that is put before a text: where `add_bos_token` says so, or else the post-processor does. */
  readonly bosId?: number;
  /** The token that the tokenizer names as bos, even if it is not put before texts. Chat templates may write it. */
  readonly namedBosId?: number;
  /** The token after a text. */
  readonly eosId?: number;
  /** Every id that ends a generation: the tokenizer's, and those of `generation_config.json` (or `config.json`). */
  readonly eosIds: readonly number[];
}

/** Looks tokens up in the vocabulary. */
export interface TokenLookup {
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
  /** The tokens that the post-processor puts before a text. */
  readonly before: readonly number[];
}

/**
 * Finds bos and eos. `tokenizer_config.json` takes precedence over `special_tokens_map.json`. A `null` there means that the tokenizer
 * has no such token. Only if both files lack the token are the ids of `generation_config.json` and `config.json` used.
 *
 * @throws EspalierError TOKENIZER_INVALID where bos or eos is named but not in the vocabulary
 */
export function findSpecialTokens(files: TokenizerFiles, vocabulary: TokenLookup): SpecialTokens {
  const bos = findToken('bos_token', files, vocabulary);
  const eos = findToken('eos_token', files, vocabulary);
  const texts: Record<string, string> = {};
  for (const name of ['bos_token', 'eos_token', 'pad_token', 'unk_token', 'sep_token', 'cls_token', 'mask_token']) {
    const text = namedToken(name, files)?.text;
    if (text !== undefined) texts[name] = text;
  }
  if (bos.text !== undefined) texts['bos_token'] = bos.text;
  if (eos.text !== undefined) texts['eos_token'] = eos.text;
  const addsBos = files.tokenizerConfig?.['add_bos_token'] ?? undefined;
  const bosId = addsBos === undefined ? vocabulary.before[0] : addsBos === false ? undefined : bos.id;
  const stops = idsOf(files.generationConfig, 'eos_token_id') ?? idsOf(files.modelConfig, 'eos_token_id') ?? [];
  return {
    texts,
    ...(bosId !== undefined && { bosId }),
    ...(bos.id !== undefined && { namedBosId: bos.id }),
    ...(eos.id !== undefined && { eosId: eos.id }),
    eosIds: [...new Set(eos.id === undefined ? stops : [eos.id, ...stops])],
  };
}

interface FoundToken {
  readonly text?: string | undefined;
  readonly id?: number | undefined;
}

function findToken(name: 'bos_token' | 'eos_token', files: TokenizerFiles, vocabulary: TokenLookup): FoundToken {
  const named = namedToken(name, files);
  if (named === undefined) {
    const [id] = idsOf(files.generationConfig, `${name}_id`) ?? idsOf(files.modelConfig, `${name}_id`) ?? [];
    const text = id === undefined ? undefined : vocabulary.tokenOf(id);
    return text === undefined ? {} : { id, text };
  }
  if (named.text === undefined) return {};
  const id = vocabulary.idOf(named.text);
  if (id === undefined) {
    const problem = `its ${name} ${JSON.stringify(named.text)} is not in the vocabulary of tokenizer.json`;
    throw new EspalierError('TOKENIZER_INVALID', { path: join(files.folder, named.file), problem });
  }
  return { text: named.text, id };
}

/** A token in the files. undefined if no file mentions it; `text` is undefined if a file says that there is none. */
function namedToken(name: string, files: TokenizerFiles): { text: string | undefined; file: string } | undefined {
  const sources = [
    ['tokenizer_config.json', files.tokenizerConfig],
    ['special_tokens_map.json', files.specialTokensMap],
  ] as const;
  for (const [file, source] of sources) {
    if (source !== undefined && name in source) return { text: tokenText(source[name]), file };
  }
  return undefined;
}

/** A token is written as a string, or as an object with `content`. */
export function tokenText(value: unknown): string | undefined {
  const text = isJsonObject(value) ? value['content'] : value;
  return typeof text === 'string' ? text : undefined;
}

function idsOf(config: JsonObject | undefined, name: string): number[] | undefined {
  const value = config?.[name];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const ids = list.filter((id): id is number => Number.isSafeInteger(id) && Number(id) >= 0);
  return ids.length === 0 ? undefined : ids;
}
