import { EspalierError } from '../core/index.ts';
import { readGgufTokenizer } from './gguf/gguf-tokenizer.ts';
import { readFolder, readTextIfThere, tokenizerFilesOf } from './read-folder.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';

export interface OpenTokenizerOptions {
  /** The name of one of the folder's templates, or a file with a template that stands in the place of the folder's. */
  readonly chatTemplate?: string | undefined;
}

/**
 * Opens the tokenizer of a Hugging Face folder: `tokenizer.json` with, where they exist, `tokenizer_config.json`,
 * `special_tokens_map.json`, `chat_template.jinja`, `additional_chat_templates`, `config.json` and `generation_config.json`. The path may
 * also be that of a GGUF model, which holds its tokenizer.
 *
 * @returns undefined if the folder has no `tokenizer.json`. Such a model takes token ids only.
 * @throws EspalierError FILE_NOT_FOUND where there is no template of the given name or path; TOKENIZER_INVALID where a file is there but cannot be used
 */
export async function openTokenizer(
  folder: string,
  { chatTemplate }: OpenTokenizerOptions = {},
): Promise<Tokenizer | undefined> {
  const files = /\.gguf$/i.test(folder)
    ? await readGgufTokenizer(folder)
    : tokenizerFilesOf(folder, await readFolder(folder, 'model'));
  if (files === undefined) return undefined;
  const tokenizer = createTokenizer(files);
  return chatTemplate === undefined ? tokenizer : withTemplate(tokenizer, await templateAt(tokenizer, chatTemplate));
}

/** One template, which is asked for by its name among those of a tokenizer or by its path. @throws EspalierError FILE_NOT_FOUND */
export async function templateAt({ templates }: Pick<Tokenizer, 'templates'>, nameOrPath: string): Promise<string> {
  const source = templates.get(nameOrPath) ?? (await readTextIfThere(nameOrPath));
  if (source === undefined) throw new EspalierError('FILE_NOT_FOUND', { what: 'chat template', path: nameOrPath });
  return source;
}

/** The tokenizer with one template for all conversations. */
export function withTemplate(tokenizer: Tokenizer, source: string): Tokenizer {
  return tokenizer.withTemplates({ folder: tokenizer.folder, chatTemplate: source });
}
