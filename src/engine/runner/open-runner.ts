import { CachedRunner, type RunnerOptions } from './cached-runner.ts';
import { LimitedRunner } from './limited-runner.ts';
import { RecomputeRunner } from './recompute-runner.ts';
import type { StepRunner } from './step-runner.ts';
import { tryDecode } from './try-decode.ts';

/**
 * Opens the runner for a base. If the base has a decode graph, keys and values are kept; else each whole row is run for every token.
 * @throws EspalierError ORT_FAILED
 */
export async function openRunner(options: RunnerOptions): Promise<StepRunner> {
  const { decode, scoring } = options.base.graphs;
  if (decode === undefined && scoring !== undefined) return RecomputeRunner.open(options);
  if (options.base.decodeOnTrial !== true) return CachedRunner.open(options);
  // Even if the past of a file does not run as its exporter meant, the file still gives the logits of whole rows.
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
