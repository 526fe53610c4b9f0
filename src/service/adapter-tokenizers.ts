import type { AdapterAdministration, ServedAdapter } from '../routing/index.ts';
import { openAdapterTokenizer, type Tokenizer } from '../tokenizer/index.ts';

/** Whose chat template and tokenizer the requests for an adapter use. */
export type TemplateOf = 'base' | 'adapter';

export interface AdapterTokenizersOptions {
  readonly adapters: Pick<AdapterAdministration, 'list'>;
  /** undefined for a base without a tokenizer. */
  readonly tokenizer: Tokenizer | undefined;
  readonly baseFolder: string;
  readonly template: TemplateOf;
}

/**
 * The tokenizers of adapters whose folders have a chat template or a tokenizer of their own. Such an adapter was trained on prompts of
 * that form.
 *
 * Each is read once for each loading of its adapter: an adapter that is loaded again brings its new files.
 */
export class AdapterTokenizers {
  readonly #options: AdapterTokenizersOptions;
  readonly #opened = new Map<
    string,
    { readonly loading: string; readonly tokenizer: Promise<Tokenizer | undefined> }
  >();

  #table: { readonly list: readonly ServedAdapter[]; readonly byName: ReadonlyMap<string, ServedAdapter> } | undefined;

  constructor(options: AdapterTokenizersOptions) {
    this.#options = options;
  }

  /**
   * @param model  the name in a request
   * @returns the tokenizer of an adapter, or the base's
   * @throws EspalierError TOKENIZER_INVALID where a file in the adapter's folder cannot be used
   */
  async of(model: string): Promise<Tokenizer | undefined> {
    const { tokenizer, template } = this.#options;
    if (template === 'base' || tokenizer === undefined) return tokenizer;
    const adapter = this.#named(model);
    return adapter === undefined ? tokenizer : ((await this.#own(adapter, tokenizer)) ?? tokenizer);
  }

  /** The names of the adapters with a template or a tokenizer of their own. One that cannot be read counts: its requests say why. */
  async ownNames(): Promise<string[]> {
    const { tokenizer, template, adapters } = this.#options;
    if (template === 'base' || tokenizer === undefined) return [];
    const names: string[] = [];
    for (const adapter of adapters.list()) {
      const own = await this.#own(adapter, tokenizer).catch(() => tokenizer);
      if (own !== undefined) names.push(adapter.name);
    }
    return names;
  }

  /** WHY a table: the list stays the same until a name changes, and a request must not wait for its length. */
  #named(model: string): ServedAdapter | undefined {
    const list = this.#options.adapters.list();
    if (this.#table?.list !== list) {
      this.#table = { list, byName: new Map(list.map((one) => [one.name, one])) };
      this.#forgetOthers(this.#table.byName);
    }
    return this.#table.byName.get(model);
  }

  /** WHY: a server that loads and unloads adapters for months must not keep the tokenizer of each. */
  #forgetOthers(served: ReadonlyMap<string, unknown>): void {
    for (const name of this.#opened.keys()) if (!served.has(name)) this.#opened.delete(name);
  }

  #own({ name, path, created, version }: ServedAdapter, tokenizer: Tokenizer): Promise<Tokenizer | undefined> {
    const loading = `${created} ${version ?? ''} ${path}`;
    const known = this.#opened.get(name);
    if (known?.loading === loading) return known.tokenizer;
    const opened = openAdapterTokenizer(path, { folder: this.#options.baseFolder, tokenizer });
    // The error is told to the request that waits for it.
    opened.catch(() => undefined);
    this.#opened.set(name, { loading, tokenizer: opened });
    return opened;
  }
}
