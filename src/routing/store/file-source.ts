import {
  inspectContents,
  loadAdapter,
  loadContents,
  releaseTensors,
  type AdapterContents,
  type BaseChecks,
  type FileClock,
} from '../../adapter-files/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import { tokenizerFileNames, type AdapterTokenizers } from '../../tokenizer/index.ts';
import type { AdapterSource, SourcedAdapter } from '../registry/adapter-source.ts';
import { confineToFolder } from './adapters-folder.ts';

export interface FileSourceOptions extends BaseChecks {
  /** The only folder from which adapters are loaded. */
  readonly folder: string;
  /** The linear modules of the base. An adapter's tensors must fit them. */
  readonly linears: readonly AdaptableModule[];
  /** Makes the tokenizers of adapters that bring their own. Without it, requests for every adapter use the base's. */
  readonly tokenizers?: Pick<AdapterTokenizers, 'of'> | undefined;
  /** The clock by which files have settled. Default: the system's. */
  readonly fileClock?: FileClock | undefined;
}

/** Checks everything of an adapter but its numbers, which are not read. @throws EspalierError the errors of `readContents` */
export async function checkStructure(
  contents: AdapterContents,
  { linears, weights, fingerprint, embeddings }: Pick<FileSourceOptions, 'linears' | keyof BaseChecks>,
): Promise<void> {
  await inspectContents(contents, linears, { weights, fingerprint, embeddings });
}

/** An adapter whose files are in memory, as `FileSource` reads it. */
export async function readContents(
  contents: AdapterContents,
  { linears, weights, fingerprint, embeddings, tokenizers }: Omit<FileSourceOptions, 'folder' | 'fileClock'>,
): Promise<SourcedAdapter> {
  const base = { weights, fingerprint, embeddings };
  if (tokenizers === undefined) return loadContents(contents, linears, base);
  const { companions, ...adapter } = await loadContents(contents, linears, { ...base, companions: tokenizerFileNames });
  return { ...adapter, openTokenizer: () => tokenizers.of(contents.path, companions ?? new Map()) };
}

/** An adapter's files in the folder of adapters. */
export class FileSource implements AdapterSource {
  readonly #asked: string;
  readonly #options: FileSourceOptions;
  #path: string;

  /** @param path  relative to the folder, or absolute */
  constructor(path: string, options: FileSourceOptions) {
    this.#asked = path;
    this.#options = options;
    this.#path = path;
  }

  /** The path as it was given; after the first reading, the resolved path. */
  get path(): string {
    return this.#path;
  }

  async read(): Promise<SourcedAdapter> {
    const { folder, linears, weights, fingerprint, embeddings, fileClock, tokenizers } = this.#options;
    // WHY at each reading: the target of the path may have changed.
    this.#path = await confineToFolder(folder, this.#asked);
    const path = this.#path;
    const reading = { within: folder, weights, fingerprint, embeddings, fileClock };
    const wanted = tokenizers === undefined ? {} : { companions: tokenizerFileNames };
    const { companions = new Map(), ...adapter } = await loadAdapter(path, linears, { ...reading, ...wanted });
    return {
      ...adapter,
      ...(tokenizers && { openTokenizer: () => tokenizers.of(path, companions) }),
      release: () => releaseTensors(adapter),
    };
  }
}
