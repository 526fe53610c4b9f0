import { EspalierError, publishAdapterEvent } from '../../core/index.ts';
import type { HostWeights } from './adapter-arena.ts';
import type { Alias } from './alias.ts';
import type { AliasTable, Expected } from './alias-table.ts';
import type { ChangeOptions, DrainOptions, MoveOptions } from './change-options.ts';
import type { VersionTable } from './version-table.ts';

/** How long a client waits before it asks again for a name that is being drained. */
const drainRetrySeconds = 5;

/** Names and versions that take no new requests, while those that have begun finish. */
export class Drains<Weights extends HostWeights = HostWeights> {
  readonly #aliases: AliasTable;
  readonly #table: VersionTable<Weights>;

  constructor(aliases: AliasTable, table: VersionTable<Weights>) {
    this.#aliases = aliases;
    this.#table = table;
  }

  /**
   * Takes no new requests under this name, at once. Those that have begun finish. The name can be moved meanwhile.
   * @returns whether the last request has ended; false if `resumeName` was called before
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT
   */
  async drainName(name: string, { cause, signal, ...expected }: DrainOptions = {}): Promise<boolean> {
    const { isDraining, use } = this.#aliases.expect(name, expected);
    if (!isDraining) {
      this.#aliases.update(name, { isDraining: true });
      publishAdapterEvent({ event: 'drain', ...cause, name });
    }
    return use.idle(signal);
  }

  /**
   * Takes requests under this name again.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT
   */
  resumeName(name: string, { cause, ...expected }: MoveOptions = {}): void {
    const { isDraining, use } = this.#aliases.expect(name, expected);
    if (!isDraining) return;
    this.#aliases.update(name, { isDraining: false });
    publishAdapterEvent({ event: 'resume', ...cause, name });
    use.giveUp();
  }

  /**
   * Takes no new requests for this version under any name, at once.
   * @returns whether the last request has ended; false if `resumeVersion` was called before
   * @throws EspalierError ADAPTER_VERSION_UNKNOWN
   */
  async drainVersion(digest: string, { cause, signal }: Omit<DrainOptions, keyof Expected> = {}): Promise<boolean> {
    const version = this.#table.known(digest);
    if (!version.isDraining) publishAdapterEvent({ event: 'drain', ...cause, version: digest });
    version.isDraining = true;
    return version.use.idle(signal);
  }

  /** Takes requests for this version again. Does nothing for a version that was forgotten meanwhile. */
  resumeVersion(digest: string, { cause }: ChangeOptions = {}): void {
    const version = this.#table.get(digest);
    if (version?.isDraining !== true) return;
    version.isDraining = false;
    publishAdapterEvent({ event: 'resume', ...cause, version: digest });
    version.use.giveUp();
  }

  /** @throws EspalierError ADAPTER_DRAINING */
  assertTaking({ name, state, isDraining }: Alias): void {
    if (!isDraining && !(state.kind === 'serving' && state.version.isDraining)) return;
    throw new EspalierError('ADAPTER_DRAINING', { name, retryAfterSeconds: drainRetrySeconds });
  }
}
