import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { EspalierError } from '../core/index.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';
import { parseJsonObject, type JsonObject } from './tokenizer-files.ts';

/**
 * Opens the tokenizer of a Hugging Face folder: `tokenizer.json` with, where they exist, `tokenizer_config.json`,
 * `special_tokens_map.json`, `chat_template.jinja`, `config.json` and `generation_config.json`.
 *
 * @returns undefined if the folder has no `tokenizer.json`. Such a model takes token ids only.
 * @throws EspalierError TOKENIZER_INVALID where a file is there but cannot be used
 */
export async function openTokenizer(folder: string): Promise<Tokenizer | undefined> {
  const json = async (name: string): Promise<JsonObject | undefined> => {
    const text = await readText(join(folder, name));
    return text === undefined ? undefined : parseJsonObject(text, join(folder, name));
  };
  const tokenizer = await json('tokenizer.json');
  if (tokenizer === undefined) return undefined;
  return createTokenizer({
    folder,
    tokenizer,
    tokenizerConfig: await json('tokenizer_config.json'),
    specialTokensMap: await json('special_tokens_map.json'),
    modelConfig: await json('config.json'),
    generationConfig: await json('generation_config.json'),
    chatTemplate: await readText(join(folder, 'chat_template.jinja')),
  });
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    const problem = cause instanceof TypeError ? 'it is not UTF-8 text' : 'it cannot be read';
    throw new EspalierError('TOKENIZER_INVALID', { path, problem }, { cause });
  }
}
