import type { RegistryOptions } from '../routing/index.ts';
import { EspalierError } from '../core/index.ts';
import { kernelPasses, openPreparedGraph, prepareGraph, type PreparedGraph } from '../execution/index.ts';
import { decodeModel, type AdaptableModule, type Model } from '../ir/index.ts';
import { openOnnxModel, storedConstants, type StoredTensors } from '../models/index.ts';
import type { Environment } from '../onnxruntime/index.ts';
import { BatchRunner } from './batch-runner.ts';
import { InferenceModel } from './inference-model.ts';
import { injectServedAdapters } from './inject-served-adapters.ts';
import { createRunMemory, type MemoryPlan } from './memory/run-memory.ts';
import type { SharedArenas } from './memory/shared-arenas.ts';
import { ModelAdapters, type ServedParameter } from './model-adapters.ts';
import { readSignature } from './model-signature.ts';
import { readGraphFile } from './read-graph-file.ts';
import { OutputShapes } from './output-shapes.ts';

export interface InferenceModelOptions {
  /** Name under which the model is served. */
  readonly name: string;
  readonly environment: Environment;
  /** Arenas that models with the memory plan `two-level` share. They must outlive the model. Default: its own. */
  readonly arenas?: SharedArenas;
  /** Maximum number of rows of a batch; 1 runs every request alone. */
  readonly maxBatch?: number;
  /** How long a request may wait for others to join it. */
  readonly maxWaitMs?: number;
  /** Maximum number of batches that run at once. */
  readonly runs?: number;
  /** Maximum number of waiting requests. */
  readonly maxWaiting?: number;
  readonly memoryPlan?: MemoryPlan;
  /** Prepares every module that can have adapters for them. Default: off, which saves the additional products. */
  readonly adapters?: boolean;
  /** How many weights of adapters are kept in host memory, and for how long. */
  readonly residency?: RegistryOptions | undefined;
}

const defaults = {
  /** At this size, the throughput of small models on a few cores no longer grows. */
  maxBatch: 64,
  /** Less than the jitter of a network. */
  maxWaitMs: 2,
  /** One batch is computed while the rows of the other are joined and cut. */
  runs: 2,
  maxWaiting: 1024,
  memoryPlan: 'fixed',
  adapters: false,
} satisfies Omit<InferenceModelOptions, 'name' | 'environment' | 'arenas'>;

type Settings = InferenceModelOptions & Required<Omit<InferenceModelOptions, 'arenas' | 'residency'>>;

/** A graph to serve, from any source. */
export interface GraphSource {
  /** Builds a new graph at every call. */
  build(): Model;
  /** The folder to which the locations of weights are relative. */
  readonly folder: string;
  /** The modules that adapters can change. */
  readonly modules: readonly AdaptableModule[];
  /** Parameters that adapters can replace as a whole, if the graph has an input of this name and shape. Only with adapters. */
  readonly parameters?: readonly ServedParameter[];
}

/** An ONNX file whose graph was read. Its large weights are still in their files. */
export interface InferenceFile {
  /** The locations of weights are relative to this folder. */
  readonly dir: string;
  readonly stored: StoredTensors;
  /** @throws EspalierError INFER_MODEL_UNSERVABLE, OPTION_INVALID, ORT_FAILED; nothing is left open */
  open(): Promise<InferenceModel>;
}

/**
 * Reads the graph of an ONNX file for serving.
 * @throws EspalierError the errors of `readGraphFile` and `openOnnxModel`
 */
export async function readInferenceFile(path: string, options: InferenceModelOptions): Promise<InferenceFile> {
  if (options.adapters === true) {
    const model = await openOnnxModel(path);
    const { dir, stored, modules } = model;
    const source = { build: () => model.build(), folder: dir, modules };
    return { dir, stored, open: () => openInferenceGraph(source, options) };
  }
  const file = await readGraphFile(path);
  const build = (): Model => decodeModel(file.bytes, { what: path });
  const open = async (): Promise<InferenceModel> => {
    const settings = { ...defaults, ...options };
    checkSizes(settings);
    const prepared = await prepareGraph(file.model, { baseDir: file.folder, file: file.bytes });
    return openWith(settings, { build, prepared });
  };
  return { dir: file.folder, stored: storedConstants(file.model), open };
}

/**
 * Opens an ONNX file for serving.
 *
 * @throws EspalierError the errors of `readInferenceFile` and of its `open`; nothing stays open then
 */
export async function openInferenceModel(path: string, options: InferenceModelOptions): Promise<InferenceModel> {
  return (await readInferenceFile(path, options)).open();
}

/**
 * Opens a graph for serving, like `openInferenceModel` for a file.
 * @throws EspalierError LORA_MODULES_INVALID, and the errors of `openInferenceModel`
 */
export async function openInferenceGraph(source: GraphSource, options: InferenceModelOptions): Promise<InferenceModel> {
  const settings = { ...defaults, ...options };
  checkSizes(settings);
  const { build, modules, parameters = [] } = source;
  const model = build();
  const baseDir = source.folder;
  const passes = await kernelPasses(model, settings.environment);
  if (!settings.adapters)
    return openWith(settings, { build, prepared: await prepareGraph(model, { baseDir, passes }) });
  if (modules.length === 0) {
    const reason = 'it has no module that an adapter could change';
    throw new EspalierError('INFER_MODEL_UNSERVABLE', { model: settings.name, reason });
  }
  const taken = parameters.filter((parameter) => takesParameter(model, parameter));
  const adapters = new ModelAdapters(injectServedAdapters(model, modules), {
    parameters: taken,
    residency: options.residency,
  });
  try {
    return await openWith(settings, { build, prepared: await prepareGraph(model, { baseDir, passes }), adapters });
  } catch (error) {
    adapters.dispose();
    throw error;
  }
}

/** Whether a graph has this parameter as an input. An input of this name with another shape belongs to the requests. */
function takesParameter({ graph }: Model, { name, tensor }: ServedParameter): boolean {
  const input = graph.inputs.find((each) => each.name === name);
  return input?.dtype === 'float32' && input.shape?.join() === tensor.shape.join();
}

interface GraphParts {
  /** Builds the graph without the injected inputs, from which the shapes of its outputs are inferred. */
  readonly build: () => Model;
  /** The graph that is run. */
  readonly prepared: PreparedGraph;
  readonly adapters?: ModelAdapters;
}

async function openWith(settings: Settings, { build, prepared, adapters }: GraphParts): Promise<InferenceModel> {
  const { name, environment, arenas, maxBatch: maxRows, maxWaitMs, runs, maxWaiting } = settings;
  const shapes = new OutputShapes(build);
  const { session } = await openPreparedGraph(prepared, { environment });
  try {
    const baseTensors = adapters?.baseTensors;
    const signature = readSignature(name, session, { shapes, injected: new Set(baseTensors?.keys()) });
    const memory = createRunMemory(settings.memoryPlan, arenas);
    const runner = new BatchRunner({ session, signature, shapes, memory, maxRows, baseTensors });
    const limits = { maxRows, maxWaitMs, runs };
    return new InferenceModel({ name, signature, runner, memory, limits, maxWaiting, adapters });
  } catch (error) {
    session.dispose();
    throw error;
  }
}

function checkSizes({ maxBatch, maxWaitMs, runs, maxWaiting }: Settings): void {
  for (const [name, actual] of Object.entries({ maxBatch, runs, maxWaiting })) {
    if (Number.isSafeInteger(actual) && actual > 0) continue;
    throw new EspalierError('OPTION_INVALID', { name, expected: 'an integer from 1', actual: String(actual) });
  }
  if (Number.isFinite(maxWaitMs) && maxWaitMs >= 0) return;
  throw new EspalierError('OPTION_INVALID', {
    name: 'maxWaitMs',
    expected: 'a time from 0 up',
    actual: String(maxWaitMs),
  });
}
