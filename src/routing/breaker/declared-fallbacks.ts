import { type Cause, publishAdapterEvent, serverItself, Turns } from '../../core/index.ts';
import { type Fallback, readFallback } from './fallback.ts';

/** Where the declarations of names are kept. */
export interface FallbackRecords {
  /** What was written last; undefined if nothing was. */
  read(): Promise<ReadonlyMap<string, Fallback> | undefined>;
  write(declared: ReadonlyMap<string, Fallback>): Promise<void>;
}

export interface DeclaredFallbacksOptions {
  /** Of every name for which nothing else is declared. Default: `previous`. */
  readonly usual?: Fallback | undefined;
  /** Default: what is declared is known as long as the server runs. */
  readonly records?: FallbackRecords | undefined;
}

/** Who answers for a version that may not answer, or whose call failed: one declaration for all names, and others for some. */
export class DeclaredFallbacks {
  readonly #usual: Fallback;
  readonly #records: FallbackRecords | undefined;
  readonly #turns = new Turns();
  #declared: ReadonlyMap<string, Fallback> = new Map();

  /** @throws EspalierError OPTION_INVALID */
  constructor({ usual = 'previous', records }: DeclaredFallbacksOptions = {}) {
    this.#usual = readFallback(usual);
    this.#records = records;
  }

  /** Reads what was declared before. @throws the errors of `records` */
  async begin(): Promise<void> {
    this.#declared = (await this.#records?.read()) ?? this.#declared;
  }

  of(alias: string): Fallback {
    return this.#declared.get(alias) ?? this.#usual;
  }

  /** Whether the name has a declaration of its own. */
  has(alias: string): boolean {
    return this.#declared.has(alias);
  }

  /**
   * Declares the fall-back of a name; with undefined, the usual one counts again.
   * @throws the errors of `records`. Nothing was changed then.
   */
  declare(alias: string, fallback: Fallback | undefined, cause: Cause = serverItself): Promise<void> {
    return this.#turns.take('', async () => {
      const before = this.of(alias);
      const declared = new Map(this.#declared);
      if (fallback === undefined) declared.delete(alias);
      else declared.set(alias, fallback);
      await this.#records?.write(declared);
      this.#declared = declared;
      const details = { fallback: this.of(alias), before, isDeclared: this.has(alias) };
      publishAdapterEvent({ event: 'fallback', ...cause, name: alias, details });
    });
  }
}
