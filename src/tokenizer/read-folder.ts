import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { EspalierError, namesIn } from '../core/index.ts';
import { parseTokenizerJson } from './parse-tokenizer-json.ts';
import { parseJsonObject, type JsonObject, type TemplateFiles, type TokenizerFiles } from './tokenizer-files.ts';

/** The files of a tokenizer in a folder, and the inner folder of its further templates. Each may be missing. */
export const tokenizerFileNames = {
  optional: ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'chat_template.jinja'],
  inner: { name: 'additional_chat_templates', ending: '.jinja' },
} as const;

/** Files of a model that name special tokens. */
const modelFiles = ['config.json', 'generation_config.json'];

/** What a folder has of the files of a tokenizer, as bytes by name. */
export type FolderContents = ReadonlyMap<string, Uint8Array>;

/**
 * Reads what a folder has of a tokenizer.
 * @param of  whether the folder is a model's, or an adapter's: `config.json` is not read of an adapter
 * @throws EspalierError TOKENIZER_INVALID where a file is there but cannot be read
 */
export async function readFolder(folder: string, of: 'model' | 'adapter'): Promise<FolderContents> {
  const { optional, inner } = tokenizerFileNames;
  const templates = (await namesIn(join(folder, inner.name))).filter((name) => name.endsWith(inner.ending));
  const contents = new Map<string, Uint8Array>();
  for (const name of [
    ...optional,
    ...(of === 'model' ? modelFiles : []),
    ...templates.map((one) => `${inner.name}/${one}`),
  ]) {
    const bytes = await readIfThere(join(folder, name));
    if (bytes !== undefined) contents.set(name, bytes);
  }
  return contents;
}

/**
 * The files of a folder, parsed.
 * @returns undefined if the folder has no `tokenizer.json`
 * @throws EspalierError TOKENIZER_INVALID
 */
export function tokenizerFilesOf(folder: string, contents: FolderContents): TokenizerFiles | undefined {
  const text = textIn(folder, contents, 'tokenizer.json');
  if (text === undefined) return undefined;
  const json = (name: string): JsonObject | undefined => jsonIn(folder, contents, name);
  return {
    ...templateFilesOf(folder, contents),
    tokenizer: parseTokenizerJson(text, join(folder, 'tokenizer.json')),
    specialTokensMap: json('special_tokens_map.json'),
    modelConfig: json('config.json'),
    generationConfig: json('generation_config.json'),
  };
}

/** The files of a folder of which chat templates are read. @throws EspalierError TOKENIZER_INVALID */
export function templateFilesOf(folder: string, contents: FolderContents): TemplateFiles {
  return {
    folder,
    tokenizerConfig: jsonIn(folder, contents, 'tokenizer_config.json'),
    chatTemplate: textIn(folder, contents, 'chat_template.jinja'),
    additionalTemplates: additionalTemplates(folder, contents),
  };
}

function additionalTemplates(folder: string, contents: FolderContents): Readonly<Record<string, string>> {
  const { name: within, ending } = tokenizerFileNames.inner;
  const templates: Record<string, string> = {};
  for (const path of contents.keys()) {
    if (!path.startsWith(`${within}/`)) continue;
    const name = path.slice(within.length + 1, -ending.length);
    const source = textIn(folder, contents, path);
    if (name !== '' && source !== undefined) templates[name] = source;
  }
  return templates;
}

function jsonIn(folder: string, contents: FolderContents, name: string): JsonObject | undefined {
  const text = textIn(folder, contents, name);
  return text === undefined ? undefined : parseJsonObject(text, join(folder, name));
}

function textIn(folder: string, contents: FolderContents, name: string): string | undefined {
  const bytes = contents.get(name);
  return bytes === undefined ? undefined : textOf(bytes, join(folder, name));
}

function textOf(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new EspalierError('TOKENIZER_INVALID', { path, problem: 'it is not UTF-8 text' }, { cause });
  }
}

/** The text of a file; undefined if there is none. @throws EspalierError TOKENIZER_INVALID */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  const bytes = await readIfThere(path);
  return bytes === undefined ? undefined : textOf(bytes, path);
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR'))
      return undefined;
    throw new EspalierError('TOKENIZER_INVALID', { path, problem: 'it cannot be read' }, { cause });
  }
}
