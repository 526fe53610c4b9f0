import { EspalierError, publishAdapterEvent } from '../../core/index.ts';
import type { VersionStore } from '../../routing/index.ts';

/**
 * The versions that a name may not have until a person clears them. A store remembers them. Without one they are remembered as long as
 * the server runs.
 */
export class Quarantines {
  readonly #store: () => Promise<VersionStore | undefined>;
  /** Reasons by name and version. */
  readonly #reasons = new Map<string, Map<string, string>>();

  constructor(store: () => Promise<VersionStore | undefined>) {
    this.#store = store;
  }

  /** Puts a version away. May be called again. */
  async add(name: string, version: string, reason: string): Promise<void> {
    const store = await this.#store();
    // A version that the store does not have, or that it would refuse, is remembered here.
    const found = await store?.find(version).catch(() => undefined);
    if (found !== undefined && store?.quarantine !== undefined) return store.quarantine(name, version, reason);
    const reasons = this.#reasons.get(name) ?? new Map<string, string>();
    this.#reasons.set(name, reasons.set(version, reason));
    publishAdapterEvent({ event: 'quarantine', actor: 'rollout', name, version, reason });
  }

  /** @throws EspalierError ADAPTER_QUARANTINED */
  async assertFree(name: string, version: string): Promise<void> {
    const reason = this.#reasons.get(name)?.get(version);
    if (reason !== undefined) {
      throw new EspalierError('ADAPTER_QUARANTINED', {
        name,
        version,
        reason: `${reason}.`,
        path: `the roll-out of ${name}`,
      });
    }
    await (await this.#store())?.assertFree?.(name, version);
  }

  async clear(name: string, version: string): Promise<void> {
    this.#reasons.get(name)?.delete(version);
    await (await this.#store())?.clear?.(name, version);
  }
}
