import { breathe, EspalierError, option } from '../../core/index.ts';
import {
  dequantizeAgain,
  differentiate,
  gradientPasses,
  hasIntegerWeights,
  recompute,
  roundProducts,
  transposeBytes,
} from '../../autodiff/index.ts';
import { exactDequantization, exactProducts, runPasses, type Graph, type Model, type Value } from '../../ir/index.ts';
import { dropoutKeysInput, dropoutRatioInput, loraPass } from '../../lora/index.ts';
import { prepareGraph, type PreparedGraph } from '../../execution/index.ts';
import type { BaseModel } from '../../models/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import { bucketsOf } from './gradient-buckets.ts';
import { markGradients, ownGradient } from './gradient-marks.ts';
import { logitRowsOf, takeLossInChunks } from './logit-rows.ts';
import { buildObjective, type Objective } from './objective.ts';
import type { ParameterSpec } from './parameter-arena.ts';
import type { Trainable } from './trainable.ts';

/** How a training graph is to be opened. */
export interface LossGraphOpening {
  /**
   * Whether the frozen weights are in memory once, as they are in the files, and not a second time for each product in the layout of its
   * kernel. So it is for weights of integers, and for floats unless they are packed.
   */
  readonly isUnpacked: boolean;
  /** Whether time is spent to save memory. */
  readonly savesMemory: boolean;
  /** Whether products with weights of bytes multiply bytes. Which levels they may have depends on the processor. */
  readonly roundsProducts: boolean;
}

/** A model for the runtime that computes a loss and, if wanted, the gradients of all its parameters. */
export interface LossGraph extends PreparedGraph, LossGraphOpening {
  /** Inputs that are trained, or keep their initial values, in the graph's order. */
  readonly parameters: readonly ParameterSpec[];
  /** The output with the gradient, for each parameter that is trained; empty in a graph for evaluation. */
  readonly gradientOf: ReadonlyMap<string, string>;
  /** The output that says that the gradients of a bucket are written, as `markGradients` gives them; empty where none are wanted. */
  readonly marks: readonly (string | undefined)[];
}

export interface LossGraphOptions {
  readonly trainable: Pick<Trainable, 'lora' | 'whole'> & Partial<Pick<Trainable, 'trains'>>;
  readonly objective: Objective;
  readonly maxLength: number;
  /** The seed of the dropout masks. */
  readonly seed?: number;
  /** false: the loss alone, for evaluation. */
  readonly gradients: boolean;
  /** Computes the activations of each layer again in the backward pass. Default: false. */
  readonly recompute?: boolean;
  /** The most targets whose logits are in memory at once; 0: all. Default: as `logitRowsOf` chooses. */
  readonly logitRows?: number | undefined;
  /** How much the floats of a part of a quantized head may take, in bytes. Default: as `chunkLoss` chooses. */
  readonly headBytes?: number | undefined;
  /** Whether products with frozen weights of bytes round their inputs to bytes. Default: false. */
  readonly roundProducts?: boolean | undefined;
  /** Whether products keep copies of weights of floats in the layouts of their kernels. Default: unless `recompute`. */
  readonly pack?: boolean | undefined;
  /** Adds a mark to each bucket of gradients. Default: none. */
  readonly marks?: { readonly bucketBytes?: number | undefined } | undefined;
}

/** What the settings of a training say of its graph. */
export function graphSettingsOf(
  config: Pick<TrainConfig, 'recompute' | 'logitRows' | 'pack' | 'exactProducts'>,
): Required<Pick<LossGraphOptions, 'recompute' | 'logitRows' | 'pack' | 'roundProducts'>> {
  const { recompute: isRepeated, logitRows, pack = !isRepeated, exactProducts: isExact } = config;
  return { recompute: isRepeated, logitRows, pack, roundProducts: !isExact };
}

/** Builds the graph from the base on disk. Other tasks of the event loop can run between its parts. */
export async function createLossGraph(base: BaseModel, options: LossGraphOptions): Promise<LossGraph> {
  const { trainable, objective, maxLength, gradients, seed = 0 } = options;
  const { lora, whole } = trainable;
  const model = buildObjective(base, objective, { full: lora === undefined, given: whole, maxLength });
  const { graph } = model;
  // WHY not every weight's name: if an adapter is trained, an input of the data may have the name of a weight of the file.
  const isWeight = (name: string): boolean => whole.has(name) || (lora === undefined && base.weights.has(name));
  const dataInputs = new Set(graph.inputs.map(({ name }) => name).filter((name) => !isWeight(name)));
  await breathe();
  if (lora !== undefined) runPasses(model, [loraPass({ modules: lora, dropoutSeed: seed % 2 ** 31 })]);
  await breathe();
  const parameters = graph.inputs.filter(({ name }) => !dataInputs.has(name) && !dropoutInputs.includes(name));
  assertWhole(base, whole, parameters);
  // WHY here too: the loss of an evaluation must equal that of the training, which `differentiate` makes exact.
  runPasses(model, [exactProducts, exactDequantization]);
  const rows = options.logitRows ?? logitRowsOf(base.config, options);
  takeLossInChunks(model, { gradients, rows, headBytes: options.headBytes, roundProducts: options.roundProducts });
  // WHY: an evaluation rounds as the training does.
  if (!gradients) runPasses(model, [options.roundProducts === true ? roundProducts : transposeBytes]);
  const trained = parameters.filter(({ name }) => trainable.trains?.(name) ?? true);
  const { marks: marked } = options;
  const outputs = gradients ? addGradients(model, trained, { ...options, areChanged: marked !== undefined }) : none;
  const specs = parameters.map(specOf);
  const buckets = gradients && marked !== undefined ? bucketsOf(specs, marked.bucketBytes) : [];
  const marks = markGradients(model, { parameters, gradients: outputs, buckets });
  const gradientOf = new Map([...outputs].map(([parameter, { name }]) => [parameter.name, name]));
  await breathe();
  const opening = openingOf(graph, options);
  const prepared = await prepareGraph(model, { passes: gradients ? gradientPasses : [], baseDir: base.dir });
  return { ...prepared, ...opening, parameters: specs, gradientOf, marks };
}

/** What `openLossGraph` must know of a training graph. It is read off before the graph is prepared. */
export function openingOf(graph: Graph, options: Pick<LossGraphOptions, 'recompute' | 'pack'>): LossGraphOpening {
  return {
    isUnpacked: isHeldOnce(graph, options),
    savesMemory: options.recompute === true,
    roundsProducts: multipliesBytes(graph),
  };
}

const none: ReadonlyMap<Value, Value> = new Map();

/** WHY not with `recompute`: the product of a layer that is computed again would keep a copy of its own. */
function isHeldOnce(
  graph: Graph,
  { recompute: isRepeated = false, pack = !isRepeated }: Pick<LossGraphOptions, 'recompute' | 'pack'>,
): boolean {
  return !pack || hasIntegerWeights(graph);
}

/** Whether products round what they read to bytes. */
function multipliesBytes({ nodes }: Graph): boolean {
  return nodes.some(({ opType, subgraphs }) => opType === 'MatMulIntegerToFloat' || subgraphs.some(multipliesBytes));
}

/** Checks that every weight to be trained is an input that the graph reads. */
function assertWhole({ config }: BaseModel, whole: ReadonlySet<string>, parameters: readonly Value[]): void {
  const lost = [...whole].filter((name) => parameters.every((parameter) => parameter.name !== name));
  if (lost.length === 0) return;
  const reason = `the graph of this base does not take ${lost.slice(0, 5).join(', ')} from outside`;
  throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first: option('modulesToSave'), second: config.family, reason });
}

/** The inputs that are not weights. */
export const dropoutInputs: readonly string[] = [dropoutRatioInput, dropoutKeysInput];

export interface GradientOptions extends Pick<LossGraphOptions, 'recompute' | 'roundProducts' | 'maxLength'> {
  /** Whether gradients may be changed where they are written, before the run ends. Default: false. */
  readonly areChanged?: boolean;
}

/** Differentiates the loss, and makes the gradients outputs. @returns the output of each parameter */
export function addGradients(model: Model, parameters: readonly Value[], options: GradientOptions): Map<Value, Value> {
  const { graph } = model;
  const totals = new Map<Value, Value>();
  const gradients = differentiate(model, { loss: lossOf(graph), parameters, totals });
  runPasses(model, [dequantizeAgain, ...(options.roundProducts === true ? [] : [transposeBytes])]);
  if (options.recompute === true)
    recompute(model, { totals, parameters: gradients, dims: dimsOfRow(options.maxLength) });
  if (options.roundProducts === true) runPasses(model, [roundProducts]);
  const outputs = new Map<Value, Value>();
  for (const parameter of parameters) {
    const computed = gradients.get(parameter);
    if (computed === undefined) throw new TypeError(`differentiate gave no gradient of ${parameter.name}`);
    const gradient = options.areChanged === true ? ownGradient(model, computed) : computed;
    graph.rename(gradient, graph.uniqueName(`${parameter.name}.gradient`));
    graph.addOutput(gradient);
    outputs.set(parameter, gradient);
  }
  return outputs;
}

/** WHY one row: how many there are changes no ratio between two results. */
function dimsOfRow(tokens: number): Map<string, number> {
  return new Map([['batch', 1], ...['seq', 'tokens', 'places'].map((name) => [name, tokens] as const)]);
}

function lossOf(graph: Graph): Value {
  const loss = graph.outputs.find(({ name }) => name === 'loss_sum');
  if (loss === undefined) throw new TypeError('the training graph has no output loss_sum');
  return loss;
}

/** @throws TypeError if a dimension is not fixed */
export function specOf({ name, shape }: Value): ParameterSpec {
  const dims = shape?.map((dim) => (typeof dim === 'number' ? dim : NaN)) ?? [NaN];
  if (dims.some(Number.isNaN)) throw new TypeError(`${name} has no fixed shape`);
  return { name, shape: dims };
}
