import { publishAdapterEvent, serverItself, type Turns } from '../../core/index.ts';
import type { HostWeights } from './adapter-arena.ts';
import { servedBy } from './alias.ts';
import type { AliasTable } from './alias-table.ts';
import type { ChangeOptions, MoveOptions, PinOptions } from './change-options.ts';
import { VersionPins } from './version-pins.ts';
import type { VersionTable } from './version-table.ts';

/** The owner of the pins that belong to no name. */
const noName = '';

/** What the pins change. */
export interface PinnedTables<Weights extends HostWeights> {
  readonly aliases: AliasTable;
  readonly table: VersionTable<Weights>;
  readonly turns: Turns;
}

/** Names that keep their version, and versions whose weights stay in host memory. */
export class Pins<Weights extends HostWeights = HostWeights> {
  readonly #aliases: AliasTable;
  readonly #table: VersionTable<Weights>;
  readonly #turns: Turns;
  readonly #versions: VersionPins<Weights>;

  constructor({ aliases, table, turns }: PinnedTables<Weights>) {
    this.#aliases = aliases;
    this.#table = table;
    this.#turns = turns;
    this.#versions = new VersionPins(table);
  }

  /**
   * Keeps a name at its version: it is neither moved nor removed until it is unpinned. With `keepsWeights`, the weights of the version
   * stay in host memory. A further call changes only that.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT, ADAPTER_BEING_READ or the error of the name; with `keepsWeights`
   *   also ADAPTER_PINS_FULL and the errors of reading. Nothing was changed then.
   */
  pinName(name: string, { keepsWeights = false, ...options }: PinOptions = {}): Promise<void> {
    return this.#turns.take(name, async () => {
      const { version } = servedBy(this.#aliases.expect(name, options));
      if (keepsWeights) await this.#versions.add(version, name);
      else this.#versions.remove(version.digest, name);
      const pin = { ...serverItself, ...options.cause, time: Date.now(), keepsWeights };
      this.#aliases.update(name, { pin });
      publishAdapterEvent({
        event: 'pin',
        ...options.cause,
        name,
        version: version.digest,
        details: { keepsWeights },
      });
    });
  }

  /**
   * Lets a name move again. Does nothing for a name that is not pinned.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT
   */
  unpinName(name: string, options: MoveOptions = {}): Promise<void> {
    return this.#turns.take(name, () => {
      const { pin } = this.#aliases.expect(name, options);
      const version = this.#aliases.serving(name)?.digest;
      if (pin === undefined || version === undefined) return Promise.resolve();
      this.#aliases.update(name, { pin: undefined });
      publishAdapterEvent({ event: 'unpin', ...options.cause, name, version });
      this.#versions.remove(version, name);
      return Promise.resolve();
    });
  }

  /**
   * Keeps a version, whichever names point to it: it is not forgotten, and its weights stay in host memory. Resolves when they are there.
   * @throws EspalierError ADAPTER_VERSION_UNKNOWN, ADAPTER_PINS_FULL and the errors of reading. Nothing was changed then.
   */
  async pinVersion(digest: string, { cause }: ChangeOptions = {}): Promise<void> {
    await this.#versions.add(this.#table.known(digest), noName);
    publishAdapterEvent({ event: 'pin', ...cause, version: digest });
  }

  /** Ends `pinVersion`. The pins of names stay. */
  unpinVersion(digest: string, { cause }: ChangeOptions = {}): void {
    if (!this.#versions.remove(digest, noName)) return;
    publishAdapterEvent({ event: 'unpin', ...cause, version: digest });
  }

  /** Whether the weights of a version are kept. */
  hasVersion(digest: string): boolean {
    return this.#versions.has(digest);
  }

  dispose(): void {
    this.#versions.dispose();
  }
}
