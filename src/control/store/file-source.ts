import { loadAdapter } from '../../adapters/index.ts';
import type { AdaptableModule } from '../../ir/index.ts';
import type { Adapter } from '../../lora/index.ts';
import type { BaseModel } from '../../models/index.ts';
import type { AdapterSource } from '../registry/adapter-source.ts';
import { confineToFolder } from './adapters-folder.ts';

export interface FileSourceOptions {
  /** The one folder from which adapters are loaded. */
  readonly folder: string;
  /** The linear modules of the base: what an adapter's tensors must fit. */
  readonly linears: readonly AdaptableModule[];
  /** The base's own weights, where adapters may bring some of them whole. */
  readonly weights?: BaseModel['weights'] | undefined;
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

  /** As it was asked for, and from the first reading on where it really lies. */
  get path(): string {
    return this.#path;
  }

  async read(): Promise<Adapter> {
    const { folder, linears, weights } = this.#options;
    // WHY at each reading: what the path leads to may have changed.
    this.#path = await confineToFolder(folder, this.#asked);
    return loadAdapter(this.#path, linears, { within: folder, weights });
  }
}
