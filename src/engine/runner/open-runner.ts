import { CachedRunner, type RunnerOptions } from './cached-runner.ts';
import { LimitedRunner } from './limited-runner.ts';
import { RecomputeRunner } from './recompute-runner.ts';
import type { StepRunner } from './step-runner.ts';
import { tryDecode } from './try-decode.ts';

/**
 * Opens the runner that a base allows: keys and values are kept wherever it has a decode graph; else each row is run anew.
 * @throws EspalierError ORT_FAILED
 */
export async function openRunner(options: RunnerOptions): Promise<StepRunner> {
  const { decode, scoring } = options.base.graphs;
  if (decode === undefined && scoring !== undefined) return RecomputeRunner.open(options);
  if (options.base.decodeOnTrial !== true) return CachedRunner.open(options);
  // A file whose past does not run even as its exporter meant it still gives the logits of whole rows.
  return openOnTrial(options).catch((error: unknown) => {
    if (scoring === undefined) throw error;
    return RecomputeRunner.open(options);
  });
}

async function openOnTrial(options: RunnerOptions): Promise<StepRunner> {
  const { base, slots, maxLength } = options;
  const vocabulary = base.config.vocabSize;
  const runner = await CachedRunner.open(options);
  try {
    const abilities = await tryDecode(runner, { slots, maxLength, vocabulary });
    if (abilities.takesChunks && abilities.rows === 'any') return runner;
    return new LimitedRunner(runner, { slots, vocabulary, abilities });
  } catch (error) {
    runner.dispose();
    throw error;
  }
}
