import { join } from 'node:path';
import { adapterOfCheckpoint, pathExists } from '../../atomic-files/index.ts';
import { checkpointsOf, listCheckpoints } from '../../checkpoint/index.ts';
import { checkpointNameOf, messageOf } from '../../core/index.ts';
import type { NewEvent } from '../records/event-log.ts';
import type { FinishedAdapter, ServeAdapter } from './finished-adapter.ts';

export interface ServedCheckpoints extends Pick<FinishedAdapter, 'fineTunedModel' | 'path' | 'cause' | 'trace'> {
  readonly serve: ServeAdapter;
}

/**
 * Brings the checkpoints that a job has kept into service, each under its own name, the oldest first. WHY when the job has ended: each
 * that is served is kept in the store, and of those of a running job most are dropped. It can be repeated.
 *
 * @param tell  is told of each, also of those that are refused: the job is none the worse for them
 */
export async function serveCheckpoints(
  { fineTunedModel, path, cause, trace, serve }: ServedCheckpoints,
  tell: (event: NewEvent) => void,
): Promise<void> {
  for (const { step, path: folder } of (await listCheckpoints(checkpointsOf(path))).toReversed()) {
    const adapter = join(folder, adapterOfCheckpoint);
    // A job of an earlier version of this server has none.
    if (!(await pathExists(adapter))) continue;
    const name = checkpointNameOf(fineTunedModel, step);
    const reason = `${cause.reason ?? 'fine-tuning'}, checkpoint of step ${step}`;
    try {
      const finished = { fineTunedModel: name, adapter: null, rollout: null, path: adapter, trace };
      await serve({ ...finished, cause: { ...cause, reason } });
      tell({ message: `New model of a checkpoint created: ${name}` });
    } catch (error) {
      tell({ level: 'warn', message: `The checkpoint of step ${step} cannot be asked: ${messageOf(error)}` });
    }
  }
}
