import { messageOf, serverItself } from '../core/index.ts';
import type { AdapterControl, AdapterRegistry, RolloutState, VersionStore } from '../routing/index.ts';
import type { RolloutControl } from './rollouts/rollouts.ts';

export interface AdmitAgainContext {
  readonly registry: {
    list(): readonly Pick<ReturnType<AdapterRegistry['list']>[number], 'name' | 'version' | 'pin'>[];
    readonly held: Pick<AdapterRegistry['held'], 'endFallback'>;
  };
  readonly control: Pick<AdapterControl, 'unpin'>;
  readonly store: Pick<VersionStore, 'assertVouched' | 'admitAgain'>;
  readonly rollouts: Pick<RolloutControl, 'command'> & {
    list(): readonly Pick<RolloutState, 'alias' | 'candidate' | 'phase'>[];
  };
}

/**
 * Asks a changed policy of everything that is served: of names, of roll-outs, and of versions to which names fell back. Requests that have
 * begun finish on the version that they began with. WHY a pin does not count: it keeps a version from being replaced, and does not vouch for it.
 */
export async function admitAgain({ registry, control, store, rollouts }: AdmitAgainContext): Promise<void> {
  const cause = { ...serverItself, reason: 'the policy was changed' };
  const refusal = async (name: string, version: string): Promise<string | undefined> => {
    try {
      await store.assertVouched?.(name, version);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  };
  for (const { alias, candidate, phase } of rollouts.list()) {
    if (phase.kind !== 'running' && phase.kind !== 'paused') continue;
    const reason = await refusal(alias, candidate);
    // It may have ended meanwhile.
    if (reason !== undefined) {
      await rollouts.command(alias, 'abort', { cause: { ...cause, reason } }).catch(() => undefined);
    }
  }
  for (const { name, version, pin } of registry.list()) {
    // WHY of every name: it is read again for the next request that needs it, if it may answer.
    registry.held.endFallback(name);
    if (pin === undefined || version === undefined) continue;
    const reason = await refusal(name, version);
    if (reason !== undefined) await control.unpin(name, { cause: { ...cause, reason } }).catch(() => undefined);
  }
  await store.admitAgain?.();
}
