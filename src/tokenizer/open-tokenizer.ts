import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { EspalierError, namesIn } from '../core/index.ts';
import { templatesOf } from './chat-template.ts';
import { parseTokenizerJson } from './parse-tokenizer-json.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';
import { parseJsonObject, type JsonObject, type TemplateFiles, type TokenizerFiles } from './tokenizer-files.ts';

export interface OpenTokenizerOptions {
  /** The name of one of the folder's templates, or a file with a template that stands in the place of the folder's. */
  readonly chatTemplate?: string | undefined;
}

/**
 * Opens the tokenizer of a Hugging Face folder: `tokenizer.json` with, where they exist, `tokenizer_config.json`,
 * `special_tokens_map.json`, `chat_template.jinja`, `additional_chat_templates`, `config.json` and `generation_config.json`.
 *
 * @returns undefined if the folder has no `tokenizer.json`. Such a model takes token ids only.
 * @throws EspalierError FILE_NOT_FOUND where there is no template of the given name or path; TOKENIZER_INVALID where a file is there but cannot be used
 */
export async function openTokenizer(
  folder: string,
  { chatTemplate }: OpenTokenizerOptions = {},
): Promise<Tokenizer | undefined> {
  const json = async (name: string): Promise<JsonObject | undefined> => {
    const text = await readText(join(folder, name));
    return text === undefined ? undefined : parseJsonObject(text, join(folder, name));
  };
  const path = join(folder, 'tokenizer.json');
  const text = await readText(path);
  if (text === undefined) return undefined;
  const files: TokenizerFiles = {
    folder,
    tokenizer: parseTokenizerJson(text, path),
    tokenizerConfig: await json('tokenizer_config.json'),
    specialTokensMap: await json('special_tokens_map.json'),
    modelConfig: await json('config.json'),
    generationConfig: await json('generation_config.json'),
    chatTemplate: await readText(join(folder, 'chat_template.jinja')),
    additionalTemplates: await readTemplates(join(folder, 'additional_chat_templates')),
  };
  return createTokenizer(chatTemplate === undefined ? files : await withTemplate(files, chatTemplate));
}

/**
 * Opens what an adapter's folder has of a tokenizer: with a `tokenizer.json` that differs from the base's, the whole; else the base's with
 * the chat template of the adapter.
 *
 * @returns undefined where the folder has neither, or only what the base has
 * @throws EspalierError TOKENIZER_INVALID where a file is there but cannot be used
 */
export async function openAdapterTokenizer(
  folder: string,
  base: { readonly folder: string; readonly tokenizer: Tokenizer },
): Promise<Tokenizer | undefined> {
  const [own, bases] = await Promise.all([folder, base.folder].map((one) => readText(join(one, 'tokenizer.json'))));
  if (own !== undefined && own !== bases) return openTokenizer(folder);
  const files = await readTemplateFiles(folder);
  const templates = templatesOf(files);
  if (templates.size === 0 || isDeepStrictEqual(templates, templatesOf(await readTemplateFiles(base.folder)))) {
    return undefined;
  }
  return base.tokenizer.withTemplates(files);
}

async function readTemplateFiles(folder: string): Promise<TemplateFiles> {
  const path = join(folder, 'tokenizer_config.json');
  const config = await readText(path);
  return {
    folder,
    tokenizerConfig: config === undefined ? undefined : parseJsonObject(config, path),
    chatTemplate: await readText(join(folder, 'chat_template.jinja')),
    additionalTemplates: await readTemplates(join(folder, 'additional_chat_templates')),
  };
}

/** The files with one template, which was asked for by its name in the folder or by its path. */
async function withTemplate(files: TokenizerFiles, nameOrPath: string): Promise<TokenizerFiles> {
  const source = templatesOf(files).get(nameOrPath) ?? (await readText(nameOrPath));
  if (source === undefined) throw new EspalierError('FILE_NOT_FOUND', { what: 'chat template', path: nameOrPath });
  return { ...files, chatTemplate: source, additionalTemplates: undefined };
}

async function readTemplates(folder: string): Promise<Readonly<Record<string, string>>> {
  const templates: Record<string, string> = {};
  for (const file of await namesIn(folder)) {
    const name = /^(.+)\.jinja$/.exec(file)?.[1];
    const source = name === undefined ? undefined : await readText(join(folder, file));
    if (name !== undefined && source !== undefined) templates[name] = source;
  }
  return templates;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR'))
      return undefined;
    const problem = cause instanceof TypeError ? 'it is not UTF-8 text' : 'it cannot be read';
    throw new EspalierError('TOKENIZER_INVALID', { path, problem }, { cause });
  }
}
