import { EspalierError } from '../core/index.ts';
import { decideAdapter, type SignedList, type Vouched } from './policy/decide-adapter.ts';
import type { Policy } from './policy/policy.ts';

/** Decides who must vouch for an adapter before it is opened. */
export interface Authority {
  /**
   * @param time  when the adapter was taken in; undefined: now
   * @throws EspalierError why nobody who may do so vouches for it
   */
  vouch(name: string, list: SignedList | undefined, time?: number): Vouched;
  /** @throws EspalierError ADAPTER_REVOKED */
  assertNotRevoked(name: string, digest: string): void;
}

/**
 * The rules of a policy for the adapters of one base.
 * @param policy  the one that is in force at the moment
 */
export function createAuthority(
  policy: () => Policy,
  { base, now = Date.now }: { readonly base: string; readonly now?: () => number },
): Authority {
  return {
    vouch: (name, list, time) => decideAdapter(policy(), list, { name, base, now: time ?? now() }),
    assertNotRevoked(name, version) {
      const { revoked, path } = policy();
      if (revoked.has(version)) throw new EspalierError('ADAPTER_REVOKED', { name, version, policy: path });
    },
  };
}
