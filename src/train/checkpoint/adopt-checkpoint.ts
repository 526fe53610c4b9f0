import { EspalierError } from '../../core/index.ts';
import type { OpenCheckpoint } from '../../checkpoint/index.ts';
import type { NativeMemory } from '../../native/index.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import type { BestWeights } from '../loop/best-weights.ts';
import type { ResumedState } from '../loop/step-loop.ts';
import type { TrainingModel } from '../loop/training-model.ts';
import { parseMetrics, type StepMetrics } from '../report/metrics.ts';
import { partNames, type TrainingState } from './training-state.ts';

/** What an interrupted training left. */
export interface Resumed {
  readonly state: TrainingState;
  /** For the loop, which takes over its memory. */
  readonly from: ResumedState;
  /** The memory of the optimizer's moments, which `from` takes over. */
  readonly moments: ReadonlyMap<string, NativeMemory>;
  readonly metrics: Buffer;
  /** The same, parsed. */
  readonly lines: readonly StepMetrics[];
}

/** What gets the weights of the checkpoint. */
export interface ResumedParts {
  readonly model: Pick<TrainingModel, 'parameters' | 'adopt'>;
  readonly best: Pick<BestWeights, 'adopt'>;
}

/**
 * Puts the weights of a checkpoint in the place of the model's. Everything is read and checked before anything is changed.
 * @throws EspalierError CHECKPOINT_INVALID, TRAIN_STATE_MISMATCH. Model and best weights are as before then.
 */
export async function adoptCheckpoint(
  { model, best }: ResumedParts,
  checkpoint: OpenCheckpoint,
  state: TrainingState,
): Promise<Resumed> {
  const { entries } = model.parameters;
  assertSameParameters(entries, state.parameters);
  const metrics = Buffer.from(await checkpoint.read(partNames.metrics));
  const lines = linesOf(metrics, checkpoint.path);
  const taken: Disposable[] = [];
  const kept = <Memory extends Disposable>(memory: Memory): Memory => {
    taken.push(memory);
    return memory;
  };
  const weightsOf = async (name: string): Promise<ParameterArena> =>
    kept(new ParameterArena(entries, await checkpoint.map(name)));
  try {
    const moments = new Map<string, NativeMemory>();
    const prefix = partNames.moment('');
    const names = checkpoint.index.parts.map(({ name }) => name);
    for (const name of names.filter((each) => each.startsWith(prefix))) {
      moments.set(name.slice(prefix.length), kept(await checkpoint.map(name)));
    }
    const bestWeights = names.includes(partNames.best) ? await weightsOf(partNames.best) : undefined;
    const weights = await weightsOf(partNames.parameters);
    if (bestWeights !== undefined) best.adopt(bestWeights);
    model.adopt(weights);
    return { state, from: startOf(state, moments), moments, metrics, lines };
  } catch (error) {
    for (const memory of taken) memory[Symbol.dispose]();
    throw error;
  }
}

/** Puts together what an interrupted training left that was read elsewhere. @param moments  taken over */
export function resumedOf(state: TrainingState, moments: ReadonlyMap<string, NativeMemory>, metrics: Buffer): Resumed {
  return { state, from: startOf(state, moments), moments, metrics, lines: linesOf(metrics, 'of rank 0') };
}

function startOf(
  { step, position, seed, optimizer, skipped }: TrainingState,
  moments: ReadonlyMap<string, NativeMemory>,
): ResumedState {
  return { step, position, skipped, random: { seed }, optimizer: { ...optimizer, moments } };
}

/** @throws EspalierError CHECKPOINT_INVALID */
function linesOf(metrics: Buffer, path: string): StepMetrics[] {
  try {
    return parseMetrics(metrics.toString('utf8'));
  } catch (cause) {
    throw new EspalierError('CHECKPOINT_INVALID', { path, problem: 'a line of its metrics is none' }, { cause });
  }
}

type Placed = TrainingState['parameters'][number] | ParameterArena['entries'][number];

/** @throws EspalierError TRAIN_STATE_MISMATCH with the first that differs */
function assertSameParameters(here: readonly Placed[], stored: readonly Placed[]): void {
  const shown = (entries: readonly Placed[]): string[] =>
    entries.map(({ name, shape, start }) => `${name} ${shape.join('x')} at ${start}`);
  const [expected, actual] = [shown(here), shown(stored)];
  const longer = expected.length < actual.length ? actual : expected;
  const at = longer.findIndex((_, i) => expected[i] !== actual[i]);
  if (at < 0) return;
  const details = { what: 'parameters', expected: expected[at] ?? 'no more', actual: actual[at] ?? 'no more' };
  throw new EspalierError('TRAIN_STATE_MISMATCH', details);
}
