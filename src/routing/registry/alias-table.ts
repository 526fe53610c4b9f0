import { didYouMean, EspalierError } from '../../core/index.ts';
import type { VersionRecord } from './adapter-version.ts';
import { infoOf, type AdapterInfo, type Alias } from './alias.ts';
import { firstNames } from './first-names.ts';
import { LeaseCount } from './lease-count.ts';

/** What a change of a name expects to find. */
export interface Expected {
  /** Refuse with ADAPTER_VERSION_CONFLICT unless the name points to this version. */
  readonly expectedVersion?: string | undefined;
  /** Refuse with ADAPTER_VERSION_CONFLICT if the name is there already. */
  readonly isNew?: boolean | undefined;
}

/** The names and their states. Every change of a name begins with its state at that moment, so that none is lost. */
export class AliasTable {
  readonly #aliases = new Map<string, Alias>();
  readonly #isResident: (digest: string) => boolean;
  #list: readonly AdapterInfo[] | undefined;

  /** @param isResident  whether the weights of a version are in host memory now */
  constructor(isResident: (digest: string) => boolean) {
    this.#isResident = isResident;
  }

  has(name: string): boolean {
    return this.#aliases.has(name);
  }

  get(name: string): Alias | undefined {
    return this.#aliases.get(name);
  }

  /** Also visits names that are added meanwhile. */
  values(): Iterable<Alias> {
    return this.#aliases.values();
  }

  /** @throws EspalierError ADAPTER_NOT_FOUND */
  find(name: string): Alias {
    const alias = this.#aliases.get(name);
    if (alias) return alias;
    // WHY no list: the names are those of other callers too, and there may be thousands.
    throw new EspalierError('ADAPTER_NOT_FOUND', { name, hint: didYouMean(name, firstNames(this.#aliases.keys())) });
  }

  /** @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT */
  expect(name: string, { expectedVersion, isNew }: Expected): Alias {
    const alias = this.find(name);
    if (isNew === true) throw conflict(alias, 'none');
    const actual = this.serving(name)?.digest;
    if (expectedVersion !== undefined && expectedVersion !== actual) throw conflict(alias, expectedVersion);
    return alias;
  }

  /**
   * For a name that is about to move or to be withdrawn. A name that is not there is no problem unless a version is expected.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT, ADAPTER_PINNED
   */
  assertMovable(name: string, expected: Expected): void {
    if (expected.expectedVersion !== undefined) this.expect(name, expected);
    if (expected.isNew === true && this.has(name)) this.expect(name, expected);
    const pin = this.#aliases.get(name)?.pin;
    if (pin !== undefined) throw new EspalierError('ADAPTER_PINNED', { name, by: pin.actor });
  }

  /** The version to which a name points. */
  serving(name: string): VersionRecord | undefined {
    const state = this.#aliases.get(name)?.state;
    return state?.kind === 'serving' ? state.version : undefined;
  }

  /** Changes some properties of a name, or adds the name with them. */
  set(name: string, change: Partial<Alias> & Pick<Alias, 'source' | 'created' | 'state'>): void {
    const present = this.#aliases.get(name) ?? {
      history: [],
      hasEarlier: false,
      pin: undefined,
      isDraining: false,
      use: new LeaseCount(),
    };
    this.#put({ ...present, ...change, name });
  }

  /** Changes some properties of a name. Does nothing for a name that is gone. */
  update(name: string, change: Partial<Omit<Alias, 'name'>>): void {
    const present = this.#aliases.get(name);
    if (present) this.#put({ ...present, ...change });
  }

  #put(alias: Alias): void {
    this.#aliases.set(alias.name, alias);
    this.#list = undefined;
  }

  delete(name: string): void {
    this.#aliases.delete(name);
    this.#list = undefined;
  }

  /** In the order of loading. The same array until a name changes. */
  list(): readonly AdapterInfo[] {
    this.#list ??= Array.from(this.#aliases.values(), (alias) => this.#infoOf(alias));
    return this.#list;
  }

  /** @throws EspalierError ADAPTER_NOT_FOUND */
  info(name: string): AdapterInfo {
    return this.#infoOf(this.find(name));
  }

  #infoOf(alias: Alias): AdapterInfo {
    return infoOf(alias, this.#isResident);
  }
}

function conflict({ name, state }: Alias, expected: string): EspalierError {
  const actual = state.kind === 'serving' ? state.version.digest : state.kind;
  return new EspalierError('ADAPTER_VERSION_CONFLICT', { name, expected, actual });
}
