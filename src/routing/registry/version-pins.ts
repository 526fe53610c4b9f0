import { EspalierError } from '../../core/index.ts';
import type { HostWeights } from './adapter-arena.ts';
import type { VersionRecord } from './adapter-version.ts';
import type { WeightsHold } from './host-memory.ts';
import type { VersionTable } from './version-table.ts';

interface VersionPin<Weights extends HostWeights> {
  readonly version: VersionRecord;
  readonly owners: Set<string>;
  readonly hold: Promise<WeightsHold<Weights>>;
}

/** The versions that are kept: none is forgotten, and the weights of each stay in host memory while at least one owner keeps it. */
export class VersionPins<Weights extends HostWeights> {
  readonly #table: VersionTable<Weights>;
  readonly #pins = new Map<string, VersionPin<Weights>>();

  constructor(table: VersionTable<Weights>) {
    this.#table = table;
  }

  has(digest: string): boolean {
    return this.#pins.has(digest);
  }

  /**
   * Keeps a version for an owner. Resolves when its weights are in memory.
   * @throws EspalierError ADAPTER_PINS_FULL, and the errors of reading the adapter. The owner does not keep it then.
   */
  async add(version: VersionRecord, owner: string): Promise<void> {
    const pin = this.#pins.get(version.digest) ?? this.#begin(version);
    pin.owners.add(owner);
    try {
      await pin.hold;
    } catch (error) {
      this.remove(version.digest, owner);
      throw error;
    }
  }

  #begin(version: VersionRecord): VersionPin<Weights> {
    this.#assertRoom(version);
    version.holds++;
    const pin = { version, owners: new Set<string>(), hold: this.#table.hold(version.digest, version) };
    this.#pins.set(version.digest, pin);
    return pin;
  }

  /** WHY: pinned weights are never dropped, so pins beyond the budget would leave no memory for any other adapter. */
  #assertRoom({ digest, bytes }: VersionRecord): void {
    const { limit } = this.#table.memory;
    const pinned = [...this.#pins.values()].reduce((sum, { version }) => sum + version.bytes, 0);
    if (pinned + bytes > limit) throw new EspalierError('ADAPTER_PINS_FULL', { version: digest, bytes, pinned, limit });
  }

  /** Ends an owner's claim. @returns whether it had one */
  remove(digest: string, owner: string): boolean {
    const pin = this.#pins.get(digest);
    if (pin?.owners.delete(owner) !== true) return false;
    if (pin.owners.size === 0) this.#end(pin);
    return true;
  }

  #end({ version, hold }: VersionPin<Weights>): void {
    this.#pins.delete(version.digest);
    // A reading that fails was told to the owner.
    hold.then(
      (weights) => weights.dispose(),
      () => undefined,
    );
    this.#table.drop(version);
  }

  dispose(): void {
    for (const pin of this.#pins.values()) this.#end(pin);
  }
}
