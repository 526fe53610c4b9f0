import { breathe } from '../core/index.ts';
import { differentiate, gradientPasses } from '../autodiff/index.ts';
import { encodeModel, followLinks, runPasses, type Graph, type Model, type Value } from '../ir/index.ts';
import { injectLora, type LoraModule } from '../lora/index.ts';
import { buildTrainingGraph, type BaseModel } from '../models/index.ts';
import type { ParameterSpec } from './parameter-arena.ts';

/** A loss, and the gradients of all its parameters where they are wanted, as a model for the runtime. */
export interface TrainingGraph {
  readonly bytes: Uint8Array;
  /** The folder that its weights are in, as ONNX Runtime is to be told. */
  readonly externalDataFolder: string;
  /** Inputs that are trained, in the graph's order. */
  readonly parameters: readonly ParameterSpec[];
  /** The graph's output that holds each parameter's gradient; empty in a graph for evaluation. */
  readonly gradientOf: ReadonlyMap<string, string>;
}

export interface TrainingGraphOptions {
  /** The linear modules that get an adapter; undefined: every weight is trained. */
  readonly lora: readonly LoraModule[] | undefined;
  readonly maxLength: number;
  /** Of the dropout masks. */
  readonly seed?: number;
  /** false: the loss alone, for evaluation. */
  readonly gradients: boolean;
}

/** Builds the graph from the base as it lies on disk. Each part is one piece of work; between two, the event loop turns. */
export async function createTrainingGraph(base: BaseModel, options: TrainingGraphOptions): Promise<TrainingGraph> {
  const { lora, maxLength, gradients, seed = 0 } = options;
  const model = buildTrainingGraph(base, { full: lora === undefined, maxLength });
  const { graph } = model;
  await breathe();
  if (lora !== undefined) injectLora(model, { modules: lora, dropoutSeed: seed % 2 ** 31 });
  await breathe();
  const parameters = graph.inputs.filter((input) => !dataInputs.has(input.name));
  const gradientOf = gradients ? addGradients(model, parameters) : new Map<string, string>();
  await breathe();
  const externalDataFolder = await followLinks(model, base.dir);
  return { bytes: encodeModel(model), externalDataFolder, parameters: parameters.map(specOf), gradientOf };
}

/** Inputs that carry rows or settings, and no weight. */
const dataInputs: ReadonlySet<string> = new Set(['input_ids', 'target_rows', 'target_ids', 'lora_dropout_ratio']);

function addGradients(model: Model, parameters: readonly Value[]): Map<string, string> {
  const { graph } = model;
  const gradients = differentiate(model, { loss: lossOf(graph), parameters });
  const names = new Map<string, string>();
  for (const parameter of parameters) {
    const gradient = gradients.get(parameter);
    if (gradient === undefined) throw new TypeError(`differentiate gave no gradient of ${parameter.name}`);
    graph.rename(gradient, graph.uniqueName(`${parameter.name}.gradient`));
    graph.addOutput(gradient);
    names.set(parameter.name, gradient.name);
  }
  runPasses(model, gradientPasses);
  return names;
}

function lossOf(graph: Graph): Value {
  const loss = graph.outputs.find(({ name }) => name === 'loss_sum');
  if (loss === undefined) throw new TypeError('the training graph has no output loss_sum');
  return loss;
}

function specOf({ name, shape }: Value): ParameterSpec {
  const dims = shape?.map((dim) => (typeof dim === 'number' ? dim : NaN)) ?? [NaN];
  if (dims.some(Number.isNaN)) throw new TypeError(`${name} has no fixed shape`);
  return { name, shape: dims };
}
