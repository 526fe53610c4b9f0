import { EspalierError, serverItself } from '../../core/index.ts';
import type { ChangeOptions } from '../registry/change-options.ts';
import type { JointMove, JointMoves } from '../registry/joint-moves.ts';
import type { VersionStore } from './version-store.ts';

/** What becomes of one name; undefined: it is not there, or is removed. */
export interface NameChange {
  readonly name: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/**
 * Changes several names in one step: every version is found and may be used, then the names move at once, and then the store remembers
 * it. Where the store cannot, everything goes back.
 * @throws EspalierError ADAPTER_VERSION_UNKNOWN, ADAPTER_QUARANTINED, ADAPTER_VERSION_CONFLICT, ADAPTER_PINNED, and the errors of the
 *   store. Nothing was changed then.
 */
export async function moveTogether(
  changes: readonly NameChange[],
  { joint, store }: { readonly joint: Pick<JointMoves, 'move'>; readonly store: VersionStore },
  options: ChangeOptions,
): Promise<void> {
  const ready: { readonly there: JointMove; readonly back: JointMove }[] = [];
  for (const { name, from, to } of changes) {
    if (to !== undefined) await store.assertFree?.(name, to);
    const [before, after] = [from && (await store.find(from)), to && (await store.find(to))];
    if (to !== undefined && !after) throw new EspalierError('ADAPTER_VERSION_UNKNOWN', { what: name, version: to });
    ready.push({ there: { name, from, to: after || undefined }, back: { name, from: to, to: before || undefined } });
  }
  await joint.move(
    ready.map(({ there }) => there),
    options,
  );
  const remembered: NameChange[] = [];
  try {
    for (const change of changes) {
      remembered.push(change);
      await store.remember(change.name, change.to, options);
    }
  } catch (error) {
    const cause = { actor: options.cause?.actor ?? serverItself.actor, reason: 'the store did not take the change' };
    await joint
      .move(
        ready.map(({ back }) => back),
        { cause },
      )
      .catch(() => undefined);
    // WHY each by itself: what can be put back is put back, whatever else cannot.
    for (const { name, from } of remembered) await store.remember(name, from, { cause }).catch(() => undefined);
    throw error;
  }
}
