import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

import { templatesOf } from './chat-template.ts';
import { readFolder, templateFilesOf, tokenizerFilesOf, type FolderContents } from './read-folder.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';

/** What the base has, with which the files of adapters are compared. */
interface BaseFiles {
  readonly tokenizerHash: string | undefined;
  readonly templates: ReadonlyMap<string, string>;
}

/**
 * Makes the tokenizers of adapters whose folders have a chat template or a tokenizer of their own. Such an adapter was trained on prompts
 * of that form.
 */
export class AdapterTokenizers {
  readonly #base: { readonly folder: string; readonly tokenizer: Tokenizer };
  #files: Promise<BaseFiles> | undefined;

  constructor(base: { readonly folder: string; readonly tokenizer: Tokenizer }) {
    this.#base = base;
  }

  /**
   * Reads what an adapter's folder has of a tokenizer.
   * @returns undefined where the folder has neither template nor tokenizer, or only what the base has
   * @throws EspalierError TOKENIZER_INVALID where a file is there but cannot be used
   */
  async open(folder: string): Promise<Tokenizer | undefined> {
    return this.of(folder, await readFolder(folder, 'adapter'));
  }

  /**
   * The same, of contents that were read already: with a `tokenizer.json` that differs from the base's, the whole; else the base's with
   * the chat template of the adapter.
   */
  async of(folder: string, contents: FolderContents): Promise<Tokenizer | undefined> {
    if (await this.hasVocabulary(contents)) {
      const files = tokenizerFilesOf(folder, contents);
      return files && createTokenizer(files);
    }
    const files = templateFilesOf(folder, contents);
    const templates = templatesOf(files);
    const base = await this.#readBase();
    if (templates.size === 0 || isDeepStrictEqual(templates, base.templates)) return undefined;
    return this.#base.tokenizer.withTemplates(files);
  }

  /** Whether there is a `tokenizer.json` that differs from the base's. */
  async hasVocabulary(contents: FolderContents): Promise<boolean> {
    const own = hashOf(contents.get('tokenizer.json'));
    return own !== undefined && own !== (await this.#readBase()).tokenizerHash;
  }

  #readBase(): Promise<BaseFiles> {
    return (this.#files ??= baseFiles(this.#base.folder));
  }
}

/** WHY once, as a hash: the tokenizer of the base may have tens of megabytes, and a server has thousands of adapters. */
async function baseFiles(folder: string): Promise<BaseFiles> {
  const contents = await readFolder(folder, 'model');
  return {
    tokenizerHash: hashOf(contents.get('tokenizer.json')),
    templates: templatesOf(templateFilesOf(folder, contents)),
  };
}

function hashOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : createHash('sha256').update(bytes).digest('hex');
}
