import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import type { OpenCheckpoint } from '../../checkpoint/index.ts';
import { optimizerDtypes } from '../optimizer/optimizer-memory.ts';

/** The kind of a training's checkpoints. */
export const trainingKind = 'training';

/** The names of the parts of a training's checkpoint. The optimizer's moments are `optimizer-<name>`. */
export const partNames = {
  parameters: 'parameters',
  best: 'best-parameters',
  metrics: 'metrics',
  moment: (name: string) => `optimizer-${name}`,
};

const count = z.number().int().nonnegative();
/** WHY no z.number(): a loss may be infinite or NaN. */
const real = z.custom<number>((value) => typeof value === 'number');

const evaluation = z.strictObject({ loss: real, accuracy: real.optional() });

const stateSchema = z.strictObject({
  /** Optimizer steps taken, and those of the whole training. */
  step: count,
  steps: count,
  /** Whether no step follows. */
  finished: z.boolean(),
  /** Ranks whose rows make a batch: those with which the training began. */
  ranks: z.number().int().positive().default(1),
  /** The position in the data at which the next step begins. */
  position: z.strictObject({ epoch: count, batch: count }),
  seed: count,
  optimizer: z.strictObject({ name: z.string(), steps: count, dtype: z.enum(optimizerDtypes) }),
  /** Whether parameters, gradients and state are kept beside the graph, as `StepLoop.isHeld` says. */
  held: z.boolean().default(false),
  /** The place of each parameter in the flat arrays: elements [start, end). */
  parameters: z.array(z.strictObject({ name: z.string(), shape: z.array(count), start: count, end: count })),
  watch: z.strictObject({
    divergence: z.strictObject({
      weightLimit: real,
      seenSteps: count,
      firstLoss: real,
      reference: real,
      barren: count,
      high: count,
    }),
    firstSteps: z.strictObject({ before: z.array(real), movingSteps: count, done: z.boolean() }),
  }),
  /** The evaluation before the first step. */
  evalBefore: evaluation.optional(),
  /** Steps that changed nothing, because their numbers were not finite. */
  skipped: count,
  /** The best evaluation so far, and how many have followed it. */
  best: z.strictObject({ step: count, loss: real, since: count }).optional(),
  /** How often checkpoints are written, and how many are kept. */
  saving: z.strictObject({ saveSteps: count.optional(), keep: count }),
  /** What must be the same for a training to go on, by name. */
  fingerprint: z.record(z.string(), z.string()),
});

/** The state of a training, apart from its arrays and its metrics. */
export type TrainingState = z.output<typeof stateSchema>;

/** @throws EspalierError CHECKPOINT_INVALID */
export function trainingStateOf({ path, index }: OpenCheckpoint): TrainingState {
  return parseTrainingState(index.kind === trainingKind ? index.state : undefined, path);
}

/** @param path  where it is from, for the error. @throws EspalierError CHECKPOINT_INVALID */
export function parseTrainingState(state: unknown, path: string): TrainingState {
  const { success, data, error } = stateSchema.safeParse(state);
  if (success) return data;
  const [issue] = error.issues;
  const where = issue?.path.length ? `${issue.path.join('.')}: ` : '';
  const problem = `it is not the state of a training (${where}${issue?.message})`;
  throw new EspalierError('CHECKPOINT_INVALID', { path, problem });
}
