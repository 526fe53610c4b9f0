import { decodeModel, inferShapes, type Model } from '../../ir/index.ts';
import type { BaseModel } from '../../models/index.ts';
import type { NamedRun } from '../config/resolve-runs.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { openVerifiedBase, readTrainingInputs, type TrainingInputs } from '../loop/training-inputs.ts';
import { graphSettingsOf } from '../graph/loss-graph.ts';
import { batchDims, LargestBatches } from '../memory/batch-dims.ts';
import { graphMemory } from '../memory/graph-memory.ts';
import {
  copiesOf,
  lookAtSteps,
  optimizerBytes,
  type GraphPeak,
  type MemoryForecast,
  type Steps,
} from '../memory/plan-training.ts';
import { planOf } from '../report/plan-of.ts';
import type { TrainPlan } from '../report/train-result.ts';
import { elementCount } from '../../tensor/index.ts';
import { assertTogether, sharedObjective } from './assert-together.ts';
import { createJointGraph, type JointGraph, type JointGraphOptions } from './joint-graph.ts';
import { lentMemories } from './lent-gradients.ts';
import { mergeBatches } from './merge-batches.ts';
import { defaultPassTokens, planMicroBatches } from './plan-passes.ts';
import { haveOneForm, laneInputsOf, placesOf, widestOf } from './slots.ts';

/** What several trainings would do together, without their steps. */
export interface RunsForecast {
  readonly runs: readonly RunForecast[];
  /** Tokens of all runs together, without padding. */
  readonly tokens: number;
  /** Tokens of the largest pass. */
  readonly largestBatch: number;
  readonly memory: MemoryForecast;
}

/** What one of them would do. */
export interface RunForecast {
  readonly name: string;
  readonly plan: TrainPlan;
  readonly tokens: number;
}

export interface PlanTrainingsOptions {
  readonly signal?: AbortSignal;
  readonly maxPassTokens?: number;
}

/**
 * Reads and checks everything that several trainings read, and predicts the steps and tokens of each and the peak memory of all.
 * Nothing is trained or written.
 *
 * @throws EspalierError the errors of `runTrainings` for their settings, the base and the data
 */
export async function planTrainings(
  runs: readonly NamedRun[],
  { signal, maxPassTokens = defaultPassTokens }: PlanTrainingsOptions = {},
): Promise<RunsForecast> {
  assertTogether(runs);
  const [first] = runs;
  if (first === undefined) throw new TypeError('there is no run');
  const base = await openVerifiedBase(first.config, { signal });
  const opened: TrainingInputs[] = [];
  try {
    for (const { config } of runs) opened.push(await readTrainingInputs(config, { ...(signal && { signal }), base }));
    return await forecast(runs, opened, { base, signal, maxTokens: maxPassTokens });
  } finally {
    for (const inputs of opened) await inputs[Symbol.asyncDispose]();
  }
}

interface Company {
  readonly base: BaseModel;
  readonly signal: AbortSignal | undefined;
  readonly maxTokens: number;
}

async function forecast(
  runs: readonly NamedRun[],
  inputs: readonly TrainingInputs[],
  company: Company,
): Promise<RunsForecast> {
  const { signal } = company;
  const looks: Steps[] = [];
  for (const each of inputs) looks.push(await lookAtSteps(each, { signal }));
  const tokens = sum(looks.map((look) => look.tokens));
  const objective = sharedObjective(inputs);
  const settings = inputs[0] && graphSettingsOf(inputs[0].config);
  const batches = looks.map(({ largest }) => largest);
  const options = { ...settings, objective, gradients: true };
  const { lanes, lent, ...training } = await peakOf(inputs, options, { ...company, tokens, batches });
  const evaluation = await evaluationPeak(inputs, { ...company, tokens });
  const bytes = lanes.map(({ parameters }) => 4 * sum(parameters.map(({ shape }) => elementCount(shape))));
  const each = inputs.map((input, i) => ({ input, bytes: bytes[i] ?? 0, passes: looks[i]?.passes ?? 1 }));
  const parts = {
    process: process.memoryUsage.rss(),
    weights: training.weights,
    activations: training.activations,
    parameters:
      sum(
        each.map(({ input, bytes: parameterBytes, passes }) => {
          const own = lent === undefined ? 0 : 1;
          return parameterBytes * (copiesOf(input, { passes, parameterBytes }) - own);
        }),
      ) +
      (lent ?? 0) * (bytes[0] ?? 0),
    optimizer: sum(each.map(({ input, bytes: parameterBytes }) => optimizerBytes(input.config, parameterBytes))),
  };
  const during = sum(Object.values(parts));
  const isKept = inputs.some(({ config }) => config.evalSteps !== undefined);
  const alone = during - parts.weights - parts.activations + evaluation;
  const besides = isKept ? evaluation : Math.max(0, alone - during);
  return {
    runs: runs.map(({ name }, i) => {
      const input = inputs[i];
      if (input === undefined) throw new TypeError('unreachable: the inputs of each run were read');
      return { name, plan: planOf(input, lanes[i]?.parameters ?? []), tokens: looks[i]?.tokens ?? 0 };
    }),
    tokens,
    largestBatch: training.largest,
    memory: { ...parts, evaluation: besides, peak: during + besides, unknown: training.unknown },
  };
}

interface Passes extends Company {
  readonly tokens: number;
  /** For each lane its micro-batches that may need the most memory. */
  readonly batches: readonly (readonly MicroBatch[])[];
}

async function evaluationPeak(
  inputs: readonly TrainingInputs[],
  company: Company & { tokens: number },
): Promise<number> {
  const evaluated = inputs.filter(({ evalData }) => evalData !== undefined);
  if (evaluated.length === 0) return 0;
  const settings = evaluated[0] && graphSettingsOf(evaluated[0].config);
  const options = { ...settings, recompute: false, objective: sharedObjective(evaluated), gradients: false };
  const batches = [];
  for (const { evalData, config } of evaluated) {
    const largest = new LargestBatches();
    if (evalData !== undefined) for await (const batch of evalData.batches(config.batchSize)) largest.see(batch);
    batches.push(largest.batches);
  }
  const { weights, activations } = await peakOf(evaluated, options, { ...company, batches });
  return weights + activations;
}

interface PassesPeak extends GraphPeak {
  /** Tokens of the largest pass. */
  readonly largest: number;
  /** Of each training. */
  readonly lanes: JointGraph['lanes'];
  /** How many memories for gradients the trainings share; undefined if each has its own. */
  readonly lent: number | undefined;
}

/** Builds the graph that a company would load, and lets it run the largest passes. */
async function peakOf(
  inputs: readonly TrainingInputs[],
  options: JointGraphOptions,
  { base, maxTokens, tokens, batches }: Passes,
): Promise<PassesPeak> {
  const places = laneInputsOf(inputs, inputs);
  const isUniform = haveOneForm(places);
  const passes = largestPasses(batches, { base, maxTokens, equalTokens: isUniform });
  const widest = widestOf(passes.map((pass) => [...pass.keys()]));
  const graph = await createJointGraph(base, places.slice(0, isUniform ? widest : inputs.length), options);
  const model: Model = decodeModel(graph.bytes, { what: 'the training graph' });
  inferShapes(model);
  const peaks = passes.map((pass) => {
    const seats = placesOf([...pass.keys()], isUniform ? undefined : [...inputs.keys()]);
    const seated = graph.lanes.map<MicroBatch | undefined>(() => undefined);
    for (const [lane, place] of seats) seated[place] = pass.get(lane);
    const dims = dimsOf(model, seated, graph.needsEqualTokens);
    const { unknown, ...peak } = graphMemory(model, { dims, tokens, packs: !graph.isUnpacked });
    return { ...peak, unknown: unknown.length, largest: sum([...pass.values()].map((micro) => micro.tokens)) };
  });
  const most = (key: keyof GraphPeak | 'largest'): number => Math.max(0, ...peaks.map((peak) => peak[key]));
  const lanes = inputs.flatMap((_, lane) => graph.lanes[isUniform ? 0 : lane] ?? []);
  return {
    weights: most('weights'),
    activations: most('activations'),
    unknown: most('unknown'),
    largest: most('largest'),
    lanes,
    lent: isUniform ? Math.min(lentMemories(widest), inputs.length) : undefined,
  };
}

/** The passes of the micro-batches that may need the most memory, by training. */
function largestPasses(
  batches: Passes['batches'],
  limits: Pick<Company, 'base' | 'maxTokens'> & { readonly equalTokens: boolean },
): ReadonlyMap<number, MicroBatch>[] {
  const most = Math.max(0, ...batches.map(({ length }) => length));
  return Array.from({ length: most }, (_, i) => {
    const own = batches.flatMap((list, lane) => {
      const micro = list[i % list.length];
      return micro === undefined ? [] : [[lane, micro] as const];
    });
    const plan = planMicroBatches(new Map(own), limits);
    return plan.map((lanes) => new Map(own.filter(([lane]) => lanes.includes(lane))));
  }).flat();
}

/** The sizes of the symbolic dimensions of a pass: those of all rows together, and those of each lane. */
function dimsOf(model: Model, pass: readonly (MicroBatch | undefined)[], equalTokens: boolean): Map<string, number> {
  const { feeds, sizes } = mergeBatches(pass, { equalTokens });
  const tokens = sum(pass.map((micro) => micro?.tokens ?? 0));
  const dims = batchDims(model, { feeds, tokens, targets: 0 }).set('dropout_keys', tokens);
  for (const dim of ['batch', 'tokens'] as const) dims.set(dim, sum(sizes.map((size) => size[dim])));
  for (const [lane, size] of sizes.entries()) {
    for (const [dim, count] of Object.entries(size)) dims.set(`${dim}.${lane}`, count);
  }
  return dims;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
