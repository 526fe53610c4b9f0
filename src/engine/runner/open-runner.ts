import { ModelRunner, type RunnerOptions } from './model-runner.ts';
import { RecomputeRunner } from './recompute-runner.ts';
import { TriedRunner } from './tried-runner.ts';
import { tryDecode } from './try-decode.ts';

/** Runs sequences in slots: a prompt's prefill, or one token of each of them. */
export type SlotRunner = ModelRunner | TriedRunner | RecomputeRunner;

/**
 * Opens the runner that a base allows: keys and values are kept wherever it has a decode graph; else each row is run anew.
 * @throws EspalierError ORT_FAILED
 */
export async function openRunner(options: RunnerOptions): Promise<SlotRunner> {
  const { decode, scoring } = options.base.graphs;
  if (decode === undefined && scoring !== undefined) return RecomputeRunner.open(options);
  if (options.base.decodeOnTrial !== true) return ModelRunner.open(options);
  // A file whose past does not run even as its exporter meant it still gives the logits of whole rows.
  return openOnTrial(options).catch((error: unknown) => {
    if (scoring === undefined) throw error;
    return RecomputeRunner.open(options);
  });
}

async function openOnTrial(options: RunnerOptions): Promise<SlotRunner> {
  const { base, slots, maxLength } = options;
  const vocabulary = base.config.vocabSize;
  const runner = await ModelRunner.open(options);
  try {
    const abilities = await tryDecode(runner, { slots, maxLength, vocabulary });
    if (abilities.takesChunks && abilities.rows === 'any') return runner;
    return new TriedRunner(runner, { slots, vocabulary, abilities });
  } catch (error) {
    runner.dispose();
    throw error;
  }
}
