/** The oracle of the registry: names, versions, pins and drains as plain data, with a rule for each operation and nothing else. */

export interface ModelMove {
  readonly version: string;
  readonly before: string | undefined;
}

export interface ModelName {
  version: string;
  moves: ModelMove[];
  isPinned: boolean;
  isDraining: boolean;
}

/** The answer of an operation: the code of its error, or `none`. */
export type Outcome = string;

export class RegistryModel {
  readonly names = new Map<string, ModelName>();
  /** The open leases of all names, each with its version. */
  readonly leases: { readonly name: string; readonly version: string; readonly of: ModelName }[] = [];
  /** Who keeps a version: names, or `version` for a pin of the version itself. */
  readonly keepers = new Map<string, Set<string>>();
  readonly draining = new Set<string>();
  readonly #historyLimit: number;
  readonly #memory: number;

  constructor(limits: { readonly history: number; readonly memory: number }) {
    this.#historyLimit = limits.history;
    this.#memory = limits.memory;
  }

  /** The versions that something holds. */
  known(): Set<string> {
    const named = [...this.names.values()].map(({ version }) => version);
    return new Set([...named, ...this.leases.map(({ version }) => version), ...this.keepers.keys()]);
  }

  adopt(name: string, version: string, expected?: string): Outcome {
    const present = this.names.get(name);
    const refusal = this.#refusal(name, version, expected);
    if (refusal !== 'none' || present?.version === version) return refusal;
    this.#move(name, { version, before: present?.version });
    return 'none';
  }

  point(name: string, version: string, expected?: string): Outcome {
    const present = this.names.get(name);
    const refusal = this.#refusal(name, version, expected);
    if (refusal !== 'none' || present?.version === version) return refusal;
    const isKnown = this.known().has(version) || present?.moves.some((move) => move.version === version) === true;
    if (!isKnown) return 'ADAPTER_VERSION_UNKNOWN';
    this.#move(name, { version, before: present?.version });
    return 'none';
  }

  rollback(name: string, to?: string, expected?: string): Outcome {
    const present = this.names.get(name);
    if (present === undefined) return 'ADAPTER_NOT_FOUND';
    const refusal = this.#refusal(name, to, expected);
    if (refusal !== 'none' || present.version === to) return refusal;
    const wanted = to ?? present.moves[0]?.before;
    const target = present.moves.find(({ version }) => version === wanted);
    if (target === undefined) return to === undefined ? 'ADAPTER_NO_EARLIER_VERSION' : 'ADAPTER_VERSION_UNKNOWN';
    this.#move(name, target);
    return 'none';
  }

  unload(name: string, expected?: string): Outcome {
    const present = this.names.get(name);
    if (present === undefined) return 'ADAPTER_NOT_FOUND';
    const refusal = this.#refusal(name, undefined, expected);
    if (refusal === 'none') this.names.delete(name);
    return refusal;
  }

  #refusal(name: string, version: string | undefined, expected: string | undefined): Outcome {
    const present = this.names.get(name);
    if (expected !== undefined && present === undefined) return 'ADAPTER_NOT_FOUND';
    if (expected !== undefined && present?.version !== expected) return 'ADAPTER_VERSION_CONFLICT';
    return present?.isPinned === true && present.version !== version ? 'ADAPTER_PINNED' : 'none';
  }

  #move(name: string, move: ModelMove): void {
    const present = this.names.get(name) ?? { version: '', moves: [], isPinned: false, isDraining: false };
    present.version = move.version;
    present.moves = [move, ...present.moves].slice(0, this.#historyLimit);
    this.names.set(name, present);
  }

  pinName(name: string, keepsWeights: boolean): Outcome {
    const present = this.names.get(name);
    if (present === undefined) return 'ADAPTER_NOT_FOUND';
    const refusal = keepsWeights ? this.#keep(present.version, name) : 'none';
    if (refusal !== 'none') return refusal;
    if (!keepsWeights) this.#release(present.version, name);
    present.isPinned = true;
    return 'none';
  }

  unpinName(name: string): Outcome {
    const present = this.names.get(name);
    if (present === undefined) return 'ADAPTER_NOT_FOUND';
    present.isPinned = false;
    this.#release(present.version, name);
    return 'none';
  }

  pinVersion(version: string): Outcome {
    return this.known().has(version) ? this.#keep(version, 'version') : 'ADAPTER_VERSION_UNKNOWN';
  }

  unpinVersion(version: string): Outcome {
    this.#release(version, 'version');
    return 'none';
  }

  #keep(version: string, keeper: string): Outcome {
    const kept = [...this.keepers.keys()].reduce((sum, { length }) => sum + length, 0);
    if (!this.keepers.has(version) && kept + version.length > this.#memory) return 'ADAPTER_PINS_FULL';
    this.keepers.set(version, (this.keepers.get(version) ?? new Set()).add(keeper));
    return 'none';
  }

  #release(version: string, keeper: string): void {
    const keepers = this.keepers.get(version);
    keepers?.delete(keeper);
    if (keepers?.size === 0) this.keepers.delete(version);
  }

  drainName(name: string, isDraining: boolean): Outcome {
    const present = this.names.get(name);
    if (present === undefined) return 'ADAPTER_NOT_FOUND';
    present.isDraining = isDraining;
    return 'none';
  }

  drainVersion(version: string, isDraining: boolean): Outcome {
    if (!this.known().has(version)) return isDraining ? 'ADAPTER_VERSION_UNKNOWN' : 'none';
    if (isDraining) this.draining.add(version);
    else this.draining.delete(version);
    return 'none';
  }

  /** @returns the version that is leased, or the code of the refusal */
  acquire(name: string): { readonly version?: string; readonly outcome: Outcome } {
    const present = this.names.get(name);
    if (present === undefined) return { outcome: 'ADAPTER_NOT_FOUND' };
    if (present.isDraining || this.draining.has(present.version)) return { outcome: 'ADAPTER_DRAINING' };
    this.leases.push({ name, version: present.version, of: present });
    return { version: present.version, outcome: 'none' };
  }

  /** The draining of a version ends when the version is forgotten. */
  settle(): void {
    const known = this.known();
    for (const version of this.draining) if (!known.has(version)) this.draining.delete(version);
  }
}
