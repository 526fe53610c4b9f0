import { EspalierError, isFile } from '../../core/index.ts';
import { checkpointsOf, listCheckpoints, OpenCheckpoint } from '../../checkpoint/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import { join } from 'node:path';
import { trainingStateOf } from './training-state.ts';

type Settings = Pick<TrainConfig, 'output' | 'full' | 'resume' | 'force'>;

/**
 * Refuses to begin a training anew where an unfinished one can be gone on with.
 * @throws EspalierError TRAIN_UNFINISHED
 */
export async function assertNoneUnfinished(settings: Settings): Promise<void> {
  const { output, resume, force } = settings;
  if (resume || force) return;
  const all = await listCheckpoints(checkpointsOf(output));
  const [newest] = all;
  if (newest === undefined) return;
  for (const { path } of all) {
    const state = await stateAt(path);
    if (state === undefined) continue;
    if (state.finished && (await hasResult(settings))) return;
    throw new EspalierError('TRAIN_UNFINISHED', { output, step: state.step, steps: state.steps });
  }
  throw new EspalierError('TRAIN_UNFINISHED', { output, step: newest.step, steps: 'an unknown number' });
}

/** undefined for a checkpoint that cannot be read. */
async function stateAt(path: string): Promise<{ step: number; steps: number; finished: boolean } | undefined> {
  try {
    return trainingStateOf(await OpenCheckpoint.open(path));
  } catch (error) {
    if (EspalierError.isInstance(error)) return undefined;
    throw error;
  }
}

function hasResult({ output, full }: Settings): Promise<boolean> {
  return isFile(join(output, full ? 'config.json' : 'adapter_config.json'));
}
