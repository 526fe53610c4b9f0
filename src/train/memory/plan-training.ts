import { decodeModel, inferShapes, type Model } from '../../ir/index.ts';
import { elementCount } from '../../tensor/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { countSteps } from '../data/step-plan.ts';
import { createLossGraph, graphSettingsOf, type LossGraph } from '../graph/loss-graph.ts';
import { largestCopyBytes } from '../loop/last-good-weights.ts';
import { readTrainingInputs, type TrainingInputs } from '../loop/training-inputs.ts';
import { createOptimizer } from '../optimizer/create-optimizer.ts';
import { ofAllRanks, wholeShare, type RankShare } from '../ranks/rank-share.ts';
import { planOf } from '../report/plan-of.ts';
import type { TrainPlan } from '../report/train-result.ts';
import { batchDims, LargestBatches } from './batch-dims.ts';
import { fitMemory } from './fit-memory.ts';
import { graphMemory } from './graph-memory.ts';

/** The memory that a training needs at its peak, in bytes. */
export interface MemoryForecast {
  /** The process before the training: what it held when it was asked. */
  readonly process: number;
  /** The weights of the base, with the copies that products keep. */
  readonly weights: number;
  /** The intermediate results of the largest micro-batch. */
  readonly activations: number;
  /** The trained weights, their gradients, and the copies of both that the training keeps. */
  readonly parameters: number;
  readonly optimizer: number;
  /** What the evaluations need besides, while the training is in memory. */
  readonly evaluation: number;
  readonly peak: number;
  /** How many intermediate results have a size that the graph does not tell. They are counted as nothing. */
  readonly unknown: number;
}

/** What a training would do, without its steps. */
export interface TrainForecast {
  readonly plan: TrainPlan;
  /** Tokens that the whole training computes, without padding. */
  readonly tokens: number;
  /** Tokens of the largest micro-batch. */
  readonly largestBatch: number;
  readonly memory: MemoryForecast;
}

/**
 * Reads and checks everything that a training reads, and predicts its steps, tokens and peak memory. Nothing is trained or written.
 *
 * @param ranks  processes that train together. Tokens are those of all, memory is that of the one which needs most
 * @throws EspalierError the errors of the settings, the base and the data
 */
export async function planTraining(
  config: TrainConfig,
  { signal, ranks = 1 }: { readonly signal?: AbortSignal; readonly ranks?: number } = {},
): Promise<TrainForecast> {
  const shares = sharesOf(ranks);
  const [share] = shares;
  await using read = await readTrainingInputs(config, { ...(signal && { signal }), ...(share && { share }) });
  const inputs = await fitMemory(read, (candidate) => forecastOf(candidate, { shares, signal }));
  return forecastOf(inputs, { shares, signal });
}

/** The parts of all ranks. */
export function sharesOf(ranks: number): RankShare[] {
  return Array.from({ length: ranks }, (_, rank) => ({ rank, worldSize: ranks, batchRanks: ranks }));
}

interface Looking {
  readonly shares?: readonly RankShare[];
  readonly signal: AbortSignal | undefined;
}

/** What a training would do whose inputs are read. */
export async function forecastOf(inputs: TrainingInputs, looking: Looking): Promise<TrainForecast> {
  const { tokens, largest, passes } = await lookAtSteps(inputs, looking);
  const { base, trainable, objective, maxLength, config: used } = inputs;
  const options = { ...graphSettingsOf(used), trainable, objective, maxLength, seed: used.seed };
  const graph = await createLossGraph(base, { ...options, gradients: true });
  const training = peakOf(graph, { batches: largest, tokens });
  const evaluation = await evaluationPeak(inputs, tokens);
  const parameterBytes = 4 * graph.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const parts = {
    process: process.memoryUsage.rss(),
    weights: training.weights,
    activations: training.activations,
    parameters: parameterBytes * copiesOf(inputs, { passes, parameterBytes }),
    optimizer: optimizerBytes(used, parameterBytes),
  };
  const during = sum(Object.values(parts));
  const isKept = used.evalSteps !== undefined;
  // WHY: without `evalSteps` the evaluations are before and after the training, when its graph is not loaded.
  const alone = during - parts.weights - parts.activations + evaluation;
  const besides = isKept ? evaluation : Math.max(0, alone - during);
  return {
    plan: planOf(inputs, graph.parameters),
    tokens,
    largestBatch: Math.max(0, ...largest.map((batch) => batch.tokens)),
    memory: { ...parts, evaluation: besides, peak: during + besides, unknown: training.unknown },
  };
}

/** What the micro-batches of a training are like. */
export interface Steps {
  readonly tokens: number;
  readonly largest: readonly MicroBatch[];
  /** Most passes of one step. */
  readonly passes: number;
}

/** Goes through the micro-batches of the first epoch. Later epochs have the same rows in another order. */
export async function lookAtSteps(
  { data, config, steps }: TrainingInputs,
  { shares = [wholeShare], signal }: Looking,
): Promise<Steps> {
  const whole = ofAllRanks(config, { ...wholeShare, batchRanks: shares.length });
  const perEpoch = countSteps(data.count, { ...whole, maxSteps: undefined, epochs: 1 });
  const plan = { ...whole, epochs: 1, maxSteps: Math.min(steps, perEpoch) };
  const largest = new LargestBatches();
  let [tokens, passes] = [0, 0];
  for (const share of shares) {
    for await (const { microBatches } of data.steps(plan, undefined, share)) {
      signal?.throwIfAborted();
      passes = Math.max(passes, microBatches.length);
      for (const batch of microBatches) {
        largest.see(batch);
        tokens += batch.tokens;
      }
    }
  }
  const epochs = Math.max(1, steps / perEpoch);
  return { tokens: Math.round(tokens * epochs), largest: largest.batches, passes };
}

/** The memory of a graph, in bytes. */
export interface GraphPeak {
  readonly weights: number;
  readonly activations: number;
  readonly unknown: number;
}

function peakOf(graph: LossGraph, { batches, tokens }: { batches: readonly MicroBatch[]; tokens: number }): GraphPeak {
  const model: Model = decodeModel(graph.bytes, { what: 'the training graph' });
  inferShapes(model);
  const peaks = batches.map((batch) =>
    graphMemory(model, { dims: batchDims(model, batch), tokens, packs: !graph.isUnpacked }),
  );
  return {
    weights: Math.max(0, ...peaks.map(({ weights }) => weights)),
    activations: Math.max(0, ...peaks.map(({ activations }) => activations)),
    unknown: Math.max(0, ...peaks.map(({ unknown }) => unknown.length)),
  };
}

async function evaluationPeak(inputs: TrainingInputs, tokens: number): Promise<number> {
  const { evalData, base, trainable, objective, maxLength, config } = inputs;
  if (evalData === undefined) return 0;
  const options = { ...graphSettingsOf(config), recompute: false, trainable, objective, maxLength };
  const graph = await createLossGraph(base, { ...options, gradients: false });
  const largest = new LargestBatches();
  for await (const batch of evalData.batches(config.batchSize)) largest.see(batch);
  const { weights, activations } = peakOf(graph, { batches: largest.batches, tokens });
  return weights + activations;
}

/** The parameters and their gradients; the sum over several passes; the weights of a step without symptoms; those of the best evaluation. */
export function copiesOf(
  { config }: TrainingInputs,
  { passes, parameterBytes }: { passes: number; parameterBytes: number },
): number {
  const lastGood = parameterBytes > largestCopyBytes ? 0 : 1;
  return 2 + (passes > 1 ? 1 : 0) + lastGood + (config.result === 'best' ? 1 : 0);
}

/** Lets the optimizer ask for its memory, and counts what it asks for. */
export function optimizerBytes(config: TrainConfig, parameterBytes: number): number {
  let moments = 0;
  createOptimizer(config.optimizer, new Float32Array(0), config, () => {
    moments += 1;
    return new Float32Array(0);
  });
  return moments * parameterBytes * (config.optimizerDtype === 'float64' ? 2 : 1);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
