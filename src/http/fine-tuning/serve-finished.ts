import type { Cause } from '../../core/index.ts';
import type { FinishedAdapter } from '../../jobs/index.ts';
import type { AdapterControl } from '../../routing/index.ts';
import type { RolloutControl } from '../../service/index.ts';

export interface ServeFinishedContext {
  readonly control: Pick<AdapterControl, 'keep' | 'move' | 'has' | 'describe'>;
  readonly rollouts: Pick<RolloutControl, 'arrived' | 'start' | 'list'> | undefined;
}

/**
 * Brings the adapter of a job into the store and into service: under its own name at once, and under a further name as the job or the
 * server says. Both names are verified before either is served. It can be repeated.
 *
 * @throws why the store refuses it, and the errors of moves and roll-outs
 */
export async function serveFinished(
  context: ServeFinishedContext,
  finished: Omit<FinishedAdapter, 'trace'>,
): Promise<void> {
  const { control } = context;
  const { fineTunedModel, adapter, path, cause } = finished;
  const { digest } = await control.keep(fineTunedModel, path, { cause });
  if (adapter !== null) await control.keep(adapter, path, { cause });
  await control.move(fineTunedModel, digest, { cause });
  if (adapter !== null) await bring(context, { name: adapter, version: digest, rollout: finished.rollout, cause });
}

interface Brought {
  readonly name: string;
  readonly version: string;
  readonly rollout: FinishedAdapter['rollout'];
  readonly cause: Cause;
}

async function bring({ control, rollouts }: ServeFinishedContext, brought: Brought): Promise<void> {
  const { name, version, rollout, cause } = brought;
  const present = control.has(name) ? (await control.describe(name)).version : undefined;
  if (present === version) return;
  if (rollouts !== undefined && rollout === 'progressive' && present !== undefined) {
    const isUnderWay = rollouts
      .list()
      .some(({ alias, candidate, phase }) => alias === name && candidate === version && phase.kind !== 'aborted');
    if (!isUnderWay) await rollouts.start(name, version, { cause });
    return;
  }
  if (rollouts !== undefined && rollout === null && (await rollouts.arrived(name, version, { cause })) === 'keep')
    return;
  await control.move(name, version, { cause });
}
