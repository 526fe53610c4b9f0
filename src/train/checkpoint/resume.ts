import { EspalierError } from '../../core/index.ts';
import { listCheckpoints, openNewest, type OpenCheckpoint } from '../../checkpoint/index.ts';
import type { NativeMemory } from '../../native/index.ts';
import type { ResumedState } from '../loop/step-loop.ts';
import type { BestWeights } from '../loop/best-weights.ts';
import type { TrainingModel } from '../loop/training-model.ts';
import { parseMetrics, type StepMetrics } from '../report/metrics.ts';
import type { TrainEvent } from '../report/train-result.ts';
import { compareFingerprints, type Fingerprint } from './fingerprint.ts';
import type { AllowedChange } from '../config/adapter-settings.ts';
import { partNames, trainingStateOf, type TrainingState } from './training-state.ts';

/** What an interrupted training left. */
export interface Resumed {
  readonly state: TrainingState;
  /** For the loop, which takes over its memory. */
  readonly from: ResumedState;
  readonly metrics: Buffer;
  /** The same, parsed. */
  readonly lines: readonly StepMetrics[];
}

export interface ResumeOptions {
  readonly folder: string;
  readonly output: string;
  readonly current: Fingerprint;
  readonly allowed: readonly AllowedChange[];
  readonly onEvent: (event: TrainEvent) => void;
  readonly signal: AbortSignal | undefined;
}

/** What gets the weights of the checkpoint. */
export interface ResumedParts {
  readonly model: TrainingModel;
  readonly best: BestWeights;
}

/**
 * Finds the newest sound checkpoint, and puts its weights in the place of the model's. Nothing of it is copied: the arrays are mapped.
 *
 * @returns undefined if there is no checkpoint at all
 * @throws EspalierError TRAIN_RESUME_BROKEN, TRAIN_RESUME_DIFFERS, CHECKPOINT_INVALID, TRAIN_STATE_MISMATCH
 */
export async function resumeTraining(
  { model, best }: ResumedParts,
  options: ResumeOptions,
): Promise<Resumed | undefined> {
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
  const resumed = await adopt({ model, best }, checkpoint, state);
  onEvent({ kind: 'resumed', step: state.step, checkpoint: checkpoint.path });
  return resumed;
}

async function adopt(
  { model, best }: ResumedParts,
  checkpoint: OpenCheckpoint,
  state: TrainingState,
): Promise<Resumed> {
  assertSameParameters(model, state);
  const metrics = Buffer.from(await checkpoint.read(partNames.metrics));
  const moments = new Map<string, NativeMemory>();
  try {
    const prefix = partNames.moment('');
    for (const { name } of checkpoint.index.parts.filter((part) => part.name.startsWith(prefix))) {
      moments.set(name.slice(prefix.length), await checkpoint.map(name));
    }
    if (checkpoint.index.parts.some(({ name }) => name === partNames.best)) {
      best.adopt(await checkpoint.map(partNames.best));
    }
    model.adopt(await checkpoint.map(partNames.parameters));
  } catch (error) {
    for (const memory of moments.values()) memory.dispose();
    throw error;
  }
  const { step, position, seed, optimizer, skipped } = state;
  const from = { step, position, skipped, random: { seed }, optimizer: { ...optimizer, moments } };
  return { state, from, metrics, lines: parseMetrics(metrics.toString('utf8')) };
}

function assertSameParameters({ parameters }: TrainingModel, state: TrainingState): void {
  const [expected, actual] = [parameters.entries, state.parameters].map((entries) =>
    entries.map(({ name, shape, start }) => `${name} ${shape.join('x')} at ${start}`),
  );
  const at = expected?.findIndex((entry, i) => entry !== actual?.[i]) ?? 0;
  if (at < 0 && expected?.length === actual?.length) return;
  const details = { what: 'parameters', expected: expected?.[at] ?? 'no more', actual: actual?.[at] ?? 'no more' };
  throw new EspalierError('TRAIN_STATE_MISMATCH', details);
}
