import { decodeModel, encodeModel, runPasses, runPassesInSlices, type Model } from '../ir/index.ts';
import { returnFreedMemory } from '../native/index.ts';
import type { Environment, ExecutionProvider, IoBinding, Session, SessionOptions } from '../onnxruntime/index.ts';
import { kernelPasses } from './kernels/kernel-passes.ts';
import { namedFallbacks, wrongOnWebGpu } from './providers/webgpu-fallbacks.ts';
import { hasHalves } from './providers/webgpu-halves.ts';
import { webgpuPasses } from './providers/webgpu-passes.ts';
import { floatTables } from './providers/webgpu-weights.ts';
import { weightBytesOf } from './providers/weight-bytes.ts';
import { computeConstants } from './constants/compute-constants.ts';
import { decodeWeights } from './decode-weights.ts';
import { mapShared } from './map-shared.ts';
import { prepareGraph, type PreparedGraph, type PrepareOptions } from './prepare-graph.ts';

export interface GraphSessionOptions extends Omit<SessionOptions, 'externalDataFolder' | 'memoryPattern'> {
  /** Whether nearly every run has other lengths than the run before it. Default: false. */
  readonly varyingShapes?: boolean;
  /** Whether products with weights behind DequantizeLinear use f32 activations, not rounded to 8 bits. Default: false. */
  readonly exactProducts?: boolean;
}

export interface OpenPreparedOptions {
  readonly environment: Environment;
  readonly session?: GraphSessionOptions;
}

export type OpenGraphOptions = PrepareOptions & OpenPreparedOptions;

/** A loaded graph. It owns its session. */
export class OpenGraph implements Disposable {
  readonly session: Session;
  /** The names of the inputs of the session. */
  readonly inputs: ReadonlySet<string>;
  /** The names of the outputs of the session. */
  readonly outputs: ReadonlySet<string>;

  /** Use `openGraph()`. Takes ownership of the session. */
  constructor(session: Session) {
    this.session = session;
    this.inputs = new Set(session.inputs.map(({ name }) => name));
    this.outputs = new Set(session.outputs.map(({ name }) => name));
  }

  /** The caller owns the binding. */
  createBinding(): IoBinding {
    return this.session.createBinding();
  }

  /** Idempotent. Takes effect when the bindings are disposed and the runs have ended. */
  dispose(): void {
    this.session.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Prepares a graph to run: applies its passes and those that this machine needs, resolves the links to its weights, encodes it and creates its session.
 *
 * @throws EspalierError the errors of `prepareGraph` and of `createSession`
 */
export async function openGraph(model: Model, options: OpenGraphOptions): Promise<OpenGraph> {
  // WHY before: which passes the machine needs depends on the products that these passes add.
  const { modified } = await runPassesInSlices(model, options.passes ?? []);
  const passes = await kernelPasses(model, options.environment);
  const { file, ...rest } = options;
  const prepared = await prepareGraph(model, { ...rest, passes, ...(file && !modified && { file }) });
  return openPreparedGraph(prepared, options);
}

/** By how many bytes the process must have grown while a graph was opened. */
const worthReturning = 16 * 2 ** 20;

/** @throws EspalierError the errors of `createSession` */
export async function openPreparedGraph(
  { bytes, externalDataFolder: folder, decoded, shared, computed }: PreparedGraph,
  { environment, session = {} }: OpenPreparedOptions,
): Promise<OpenGraph> {
  const provider = session.provider ?? environment.provider;
  const before = process.memoryUsage.rss();
  const fitting = await fittingGraph(bytes, provider, environment);
  using constants = await computeConstants(computed, { folder, environment });
  using weights = await decodeWeights(decoded, folder);
  // WHY not on a device: it copies weights to memory of its own.
  using mapped = await mapShared(provider === 'cpu' ? shared : new Map(), folder);
  const initializers = new Map([...constants.tensors, ...weights.tensors]);
  const given = { externalDataFolder: folder, initializers, placed: mapped.tensors };
  const settings = {
    ...sessionOptions(session),
    ...(provider === 'webgpu' && webgpuSettings(session)),
    ...fitting.settings,
    ...given,
  };
  const graph = new OpenGraph(await environment.createSession(fitting.bytes, settings));
  // WHY: constants that ONNX Runtime has computed and packed leave several times their size in the C library's hands. A small model
  // leaves nothing worth the call, which takes milliseconds, and so does the next use of what it gave back.
  if (process.memoryUsage.rss() - before > worthReturning) await returnFreedMemory();
  return graph;
}

async function fittingGraph(
  bytes: Uint8Array,
  provider: ExecutionProvider,
  environment: Environment,
): Promise<FittingGraph> {
  if (provider === 'cpu') return { bytes, settings: {} };
  if (provider === 'webgpu') return forWebGpu(bytes, environment);
  return { bytes, settings: { weightBytes: weightBytesOf(decodeModel(bytes).graph) } };
}

/** WHY here, and on the bytes: no graph of a model may reach the device without these passes, whoever has prepared it. */
async function forWebGpu(bytes: Uint8Array, environment: Environment): Promise<FittingGraph> {
  const model = decodeModel(bytes);
  const hasTables = [...model.graph.initializers.values()].some(({ dtype }) => dtype === 'float16');
  const passes = hasTables && !(await hasHalves(environment)) ? [floatTables, ...webgpuPasses] : webgpuPasses;
  const { modified } = runPasses(model, [...passes, namedFallbacks]);
  const onCpu = wrongOnWebGpu(model);
  const settings = {
    weightBytes: weightBytesOf(model.graph),
    ...(onCpu.length > 0 && { providerOptions: { forceCpuNodeNames: onCpu.join('\n') } }),
  };
  return { bytes: modified ? encodeModel(model) : bytes, settings };
}

interface FittingGraph {
  readonly bytes: Uint8Array;
  readonly settings: SessionOptions;
}

/**
 * WHY: with this optimizer ONNX Runtime 1.30 moves normalizations of queries and keys into the attention on WebGPU, and then refuses
 * the graph ("query shall be 3 dimensions") where an adapter's update lies before them, as in Qwen 3 and Gemma 3.
 */
function webgpuSettings({ disabledOptimizers = [] }: GraphSessionOptions): SessionOptions {
  return { disabledOptimizers: [...disabledOptimizers, 'GroupQueryAttentionPreNormFusion'] };
}

function sessionOptions({ varyingShapes, exactProducts, config, ...options }: GraphSessionOptions): SessionOptions {
  return {
    ...options,
    // WHY no memory pattern: each combination of lengths would keep its own memory plan, and nearly none would be used twice.
    ...(varyingShapes === true && { memoryPattern: false }),
    config: { ...(exactProducts === true && exactDequantizedProducts), ...config },
  };
}

/**
 * WHY: ONNX Runtime fuses DequantizeLinear and the product behind it to MatMulNBits. Its default accuracy level, 4, rounds the
 * activations to 8 bits. Level 1 computes in f32. A MatMulNBits in the file itself keeps the level that the file specifies.
 *
 * WHY not the pass `exactDequantization`: with this option the operators stay fused, and the weight stays integers during the product.
 * Training uses the pass, which changes the graph itself and so is effective in any session.
 */
const exactDequantizedProducts: Readonly<Record<string, string>> = {
  'session.qdq_matmulnbits_accuracy_level': '1',
};
