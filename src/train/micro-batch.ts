import { collate, measureBatch, type Batch } from './data/batches.ts';
import type { Example } from './data/example.ts';

/** Rows for one forward and backward pass. */
export interface MicroBatch extends Batch {
  /** Tokens fed, padding not counted. */
  readonly tokens: number;
}

/** Rows are padded to a multiple of it. WHY: a shape that was seen before reuses its memory plan; the padding costs less. */
const lengthStep = 8;

/** Puts examples side by side. No row of the result is longer than `maxLength`. */
export function createMicroBatch(examples: readonly Example[], { maxLength }: { maxLength: number }): MicroBatch {
  const { seq } = measureBatch(examples);
  const padTo = Math.min(maxLength, Math.ceil(seq / lengthStep) * lengthStep);
  const tokens = examples.reduce((sum, { inputIds }) => sum + Math.min(inputIds.length, seq), 0);
  return { ...collate(examples, { padTo }), tokens };
}
