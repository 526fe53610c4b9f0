import type { BaseModel } from '../models/index.ts';
import { openAdapterTokenizer, type Tokenizer } from '../tokenizer/index.ts';

export interface OwnTokenizersOptions {
  readonly base: BaseModel;
  /** undefined for a base without a tokenizer. */
  readonly tokenizer: Tokenizer | undefined;
  /** Whose chat template and tokenizer calls with an adapter use. */
  readonly template: 'base' | 'adapter' | undefined;
}

/** The tokenizers of adapters whose folders have a chat template or a tokenizer of their own. */
export class OwnTokenizers {
  readonly #options: OwnTokenizersOptions;
  readonly #byName = new Map<string, Tokenizer>();

  constructor(options: OwnTokenizersOptions) {
    this.#options = options;
  }

  /**
   * @returns undefined where calls use the base's
   * @throws EspalierError TOKENIZER_INVALID where a file in the folder cannot be used
   */
  async open(folder: string): Promise<Tokenizer | undefined> {
    const { base, tokenizer, template } = this.#options;
    if (tokenizer === undefined || template === 'base') return undefined;
    return openAdapterTokenizer(folder, { folder: base.dir, tokenizer });
  }

  set(name: string, tokenizer: Tokenizer | undefined): void {
    if (tokenizer === undefined) this.#byName.delete(name);
    else this.#byName.set(name, tokenizer);
  }

  /** The tokenizer of a call. Calls with several adapters use the base's. */
  of(adapter: unknown): Tokenizer | undefined {
    const own = typeof adapter === 'string' ? this.#byName.get(adapter) : undefined;
    return own ?? this.#options.tokenizer;
  }
}
