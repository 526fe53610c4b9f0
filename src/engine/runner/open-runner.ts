import { CachedRunner, type RunnerOptions } from './cached-runner.ts';
import { LimitedRunner } from './limited-runner.ts';
import { RecomputeRunner } from './recompute-runner.ts';
import type { StepRunner } from './step-runner.ts';
import { tryDecode } from './try-decode.ts';

export interface OpenRunnerOptions extends RunnerOptions {
  /** Runs each row of a decode step alone, so that its results do not depend on the others. */
  readonly rowsAlone?: boolean;
}

/**
 * Opens the runner for a base. If the base has a decode graph, keys and values are kept; else each whole row is run for every token.
 * @throws EspalierError ORT_FAILED
 */
export async function openRunner(options: OpenRunnerOptions): Promise<StepRunner> {
  const { decode, scoring } = options.base.graphs;
  if (decode === undefined && scoring !== undefined) return alone(await RecomputeRunner.open(options), options);
  if (options.base.decodeOnTrial !== true) return alone(await CachedRunner.open(options), options);
  // Even if the past of a file does not run as its exporter meant, the file still gives the logits of whole rows.
  return openOnTrial(options).catch(async (error: unknown) => {
    if (scoring === undefined) throw error;
    return alone(await RecomputeRunner.open(options), options);
  });
}

/** The runner, or one around it that runs rows alone. */
function alone(runner: StepRunner, { rowsAlone = false, slots, base }: OpenRunnerOptions): StepRunner {
  if (!rowsAlone || slots === 1) return runner;
  const abilities = { takesChunks: true, rows: 'alone' } as const;
  return new LimitedRunner(runner, { slots, vocabulary: base.config.vocabSize, abilities });
}

async function openOnTrial(options: OpenRunnerOptions): Promise<StepRunner> {
  const { base, slots, maxLength } = options;
  const vocabulary = base.config.vocabSize;
  const runner = await CachedRunner.open(options);
  try {
    const abilities = await tryDecode(runner, { slots, maxLength, vocabulary });
    if (abilities.takesChunks && abilities.rows === 'any') return alone(runner, options);
    const rows = options.rowsAlone === true ? 'alone' : abilities.rows;
    return new LimitedRunner(runner, { slots, vocabulary, abilities: { ...abilities, rows } });
  } catch (error) {
    runner.dispose();
    throw error;
  }
}
