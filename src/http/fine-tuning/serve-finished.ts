import { type Cause, EspalierError } from '../../core/index.ts';
import type { FinishedAdapter } from '../../jobs/index.ts';
import type { AdapterControl } from '../../routing/index.ts';
import type { RolloutControl } from '../../service/index.ts';

export interface ServeFinishedContext {
  readonly control: Pick<AdapterControl, 'keep' | 'move' | 'has' | 'describe'>;
  readonly rollouts: Pick<RolloutControl, 'arrived' | 'start' | 'list'> | undefined;
  /** Signs a folder for a name. undefined: the server signs nothing. */
  readonly sign?: ((path: string, name: string) => Promise<void>) | undefined;
}

/**
 * Brings the adapter of a job into the store and into service: under its own name at once, and under a further name as the job or the
 * server says. Both names are verified before either is served. It can be repeated.
 *
 * @throws EspalierError JOB_ADAPTER_UNVOUCHED, why the store refuses it, and the errors of moves and roll-outs
 */
export async function serveFinished(
  context: ServeFinishedContext,
  finished: Omit<FinishedAdapter, 'trace'>,
): Promise<void> {
  const { control } = context;
  const { fineTunedModel, adapter, path, cause } = finished;
  const { digest } = await keep(context, { name: fineTunedModel, path, cause });
  if (adapter !== null) await keep(context, { name: adapter, path, cause });
  await control.move(fineTunedModel, digest, { cause });
  if (adapter !== null) await bring(context, { name: adapter, version: digest, rollout: finished.rollout, cause });
}

const ofPolicy: ReadonlySet<string> = new Set([
  'SIGNATURE_MISSING',
  'SIGNER_UNKNOWN',
  'SIGNER_NOT_ALLOWED',
  'STATEMENT_OF_OTHER',
]);

/** WHY signed for each name: a policy may ask for lists that are bound to the name. */
async function keep(
  { control, sign }: ServeFinishedContext,
  { name, path, cause }: { readonly name: string; readonly path: string; readonly cause: Cause },
): Promise<{ readonly digest: string }> {
  await sign?.(path, name);
  try {
    return await control.keep(name, path, { cause });
  } catch (error) {
    if (!EspalierError.isInstance(error) || !ofPolicy.has(error.code)) throw error;
    throw new EspalierError('JOB_ADAPTER_UNVOUCHED', { name, path, reason: error.message }, { cause: error });
  }
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
