import { EspalierError } from '../../core/index.ts';
import { listCheckpoints, OpenCheckpoint, openNewest } from '../../checkpoint/index.ts';
import type { TrainEvent } from '../report/train-result.ts';
import { adoptCheckpoint, type Resumed, type ResumedParts } from './adopt-checkpoint.ts';
import { compareFingerprints, type Fingerprint } from './fingerprint.ts';
import type { AllowedChange } from '../config/adapter-settings.ts';
import { trainingStateOf } from './training-state.ts';

export interface ResumeOptions {
  readonly folder: string;
  readonly output: string;
  readonly current: Fingerprint;
  readonly allowed: readonly AllowedChange[];
  readonly onEvent: (event: TrainEvent) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Finds the newest sound checkpoint, and puts its weights in the place of the model's. Nothing of it is copied: the arrays are mapped.
 *
 * @returns undefined if there is no checkpoint at all
 * @throws EspalierError TRAIN_RESUME_BROKEN, TRAIN_RESUME_DIFFERS, CHECKPOINT_INVALID, TRAIN_STATE_MISMATCH
 */
export async function resumeTraining(parts: ResumedParts, options: ResumeOptions): Promise<Resumed | undefined> {
  const { folder, output, onEvent, signal, allowed, current } = options;
  if ((await listCheckpoints(folder)).length === 0) {
    onEvent({ kind: 'warned', message: `There is no checkpoint in ${folder} yet. The training begins at its start.` });
    return undefined;
  }
  const { checkpoint, refused } = await openNewest(folder, { signal });
  const messages = refused.map(({ error }) => error.message);
  if (checkpoint === undefined) {
    throw new EspalierError('TRAIN_RESUME_BROKEN', { output, refused: messages.join(' ') });
  }
  for (const message of messages) onEvent({ kind: 'warned', message });
  const state = trainingStateOf(checkpoint);
  const compared = { output, checkpoint: checkpoint.path, stored: state.fingerprint, current, allowed };
  const changed = compareFingerprints(compared);
  if (changed.length > 0) {
    const message = `The ${changed.join(' and the ')} differ from those of the interrupted training. The result may have other bits.`;
    onEvent({ kind: 'warned', message });
  }
  const resumed = await adoptCheckpoint(parts, checkpoint, state);
  onEvent({ kind: 'resumed', step: state.step, checkpoint: checkpoint.path });
  return resumed;
}

export interface Beginning {
  readonly ranks: number;
  readonly fingerprint: Fingerprint;
}

/** How the training began whose checkpoints are in a folder: its ranks and its fingerprint. undefined if there is none that can be read. */
export async function beginningOf(folder: string): Promise<Beginning | undefined> {
  for (const { path } of await listCheckpoints(folder)) {
    try {
      return trainingStateOf(await OpenCheckpoint.open(path));
    } catch (error) {
      if (!EspalierError.isInstance(error)) throw error;
    }
  }
  return undefined;
}
