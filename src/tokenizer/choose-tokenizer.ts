import { isDeepStrictEqual } from 'node:util';

import { AdapterTokenizers } from './adapter-tokenizers.ts';
import { openTokenizer, templateAt, withTemplate } from './open-tokenizer.ts';
import { readFolder, type FolderContents } from './read-folder.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface TokenizerChoice {
  /** The folder of the base. */
  readonly base: string;
  /** The folder of the only adapter; undefined if there is none, or several. */
  readonly adapter?: string | undefined;
  /** A file, or the name of one of the base's templates. It stands in the place of any other template. */
  readonly chatTemplate?: string | undefined;
  /** Whose template and tokenizer are used. Default: the adapter's, where its folder has them. */
  readonly template?: 'base' | 'adapter' | undefined;
}

export interface ChosenTokenizer {
  /** undefined for a base without a tokenizer. */
  readonly tokenizer: Tokenizer | undefined;
  /** given: with the template that was asked for, which is not the base's */
  readonly whose: 'base' | 'adapter' | 'given';
  /** The files with which an adapter's folder brings this tokenizer; none where it is the base's. */
  readonly files: FolderContents;
}

/**
 * Opens the tokenizer with which one adapter is trained, asked or scored.
 * @throws EspalierError FILE_NOT_FOUND where there is no such template; TOKENIZER_INVALID
 */
export async function chooseTokenizer(choice: TokenizerChoice): Promise<ChosenTokenizer> {
  const { base, adapter, chatTemplate, template = 'adapter' } = choice;
  const plain = await openTokenizer(base);
  const ofBase = { tokenizer: plain, whose: 'base', files: new Map() } as const;
  if (plain === undefined) return ofBase;
  const brought = adapter === undefined || template === 'base' ? undefined : await readBrought(adapter, plain);
  if (chatTemplate === undefined) return brought ?? ofBase;
  const source = await templateAt(plain, chatTemplate);
  const vocabulary = brought?.hasVocabulary === true ? brought : undefined;
  const tokenizer = withTemplate(vocabulary?.tokenizer ?? plain, source);
  if (vocabulary === undefined && isDeepStrictEqual(tokenizer.templates, plain.templates)) return ofBase;
  return { tokenizer, whose: 'given', files: withSource(vocabulary?.files, source) };
}

interface Brought extends ChosenTokenizer {
  readonly hasVocabulary: boolean;
}

async function readBrought(folder: string, base: Tokenizer): Promise<Brought | undefined> {
  const contents = await readFolder(folder, 'adapter');
  const tokenizers = new AdapterTokenizers({ folder: base.folder, tokenizer: base });
  const tokenizer = await tokenizers.of(folder, contents);
  if (tokenizer === undefined) return undefined;
  const hasVocabulary = await tokenizers.hasVocabulary(contents);
  const files = new Map(contents);
  if (!hasVocabulary) files.delete('tokenizer.json');
  return { tokenizer, whose: 'adapter', files, hasVocabulary };
}

/** The files with one template in the place of all others. */
function withSource(files: FolderContents = new Map(), source: string): FolderContents {
  const others = [...files].filter(([name]) => !name.includes('/'));
  return new Map([...others, ['chat_template.jinja', new TextEncoder().encode(source)]]);
}
