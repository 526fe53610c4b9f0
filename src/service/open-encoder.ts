import { resolve } from 'node:path';
import { EspalierError } from '../core/index.ts';
import {
  Embedder,
  type InferenceModel,
  type MemoryPlan,
  PairScorer,
  openInferenceGraph,
  type ServedParameter,
  SharedArenas,
} from '../batching/index.ts';
import { readConstant, type Model } from '../ir/index.ts';
import { buildClassificationGraph, buildEmbeddingGraph, embeddingsOf, type BaseModel } from '../models/index.ts';
import type { Environment } from '../onnxruntime/index.ts';
import { convertToFloat32, tensorOf } from '../tensor/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import {
  type AdapterAdministration,
  type AdapterRegistry,
  type AdministrationOptions,
  type Announced,
  announceAdapters,
  createAdapterAdministration,
  createAdapterControl,
  Router,
  type RegistryOptions,
} from '../routing/index.ts';
import type { EmbeddingContext } from './embedding-context.ts';
import type { RerankContext } from './rerank-context.ts';
import { expectedFingerprint } from './expected-fingerprint.ts';
import { adapterSamples, type ServedSources } from './metric-sources.ts';
import type { InferenceEntry, ServedModel } from './inference-context.ts';
import type { BaseContext, DoorContext } from './serving-context.ts';
import { watchedModel } from './watched-model.ts';
import { tendRegistry } from './tend-registry.ts';

export interface EncoderOptions {
  readonly base: BaseModel;
  /** The original folder of the base, which answers name if the base was opened from a copy. Default: the folder of the base. */
  readonly origin?: string | undefined;
  readonly tokenizer: Tokenizer | undefined;
  readonly environment: Environment;
  /** Name under which the base is served. */
  readonly baseName: string;
  readonly adaptersFolder: string | undefined;
  readonly maxLength: number | undefined;
  readonly maxBatch: number | undefined;
  readonly maxWaitMs: number | undefined;
  readonly memoryPlan: MemoryPlan | undefined;
  /** Takes adapters that were trained on another base. */
  readonly anyBase?: boolean | undefined;
  /** How many weights of adapters are kept in host memory, and for how long. */
  readonly residency?: RegistryOptions | undefined;
  /** Aborts when a file of the base was written to. Default: never. */
  readonly changed?: AbortSignal | undefined;
}

/**
 * A served encoder: its main graph under `/v2`, its vectors under `/v1/embeddings` if the graph gives vectors, and its order of documents
 * under `/v1/rerank` if the graph gives one number.
 */
export interface EncoderService {
  readonly base: Omit<BaseContext, keyof DoorContext>;
  readonly embeddings: Omit<EmbeddingContext, keyof DoorContext> | undefined;
  readonly rerank: Omit<RerankContext, keyof DoorContext> | undefined;
  readonly entry: InferenceEntry;
  /** What its series are read from. */
  readonly sources: ServedSources;
  dispose(): Promise<void>;
}

/** The context that all routes of an encoder share. */
type EncoderContext = EncoderService['base'] & Pick<EmbeddingContext, 'router'>;

/** A request for embeddings has up to 2048 texts, and each text takes one place in the queue. */
const maxWaiting = 8192;

/**
 * Opens an encoder with the adapters of its folder. An encoder with a classification head is served for its classes, others for their
 * vectors.
 * @throws EspalierError the errors of opening the graph and of `announceAdapters`. Nothing is left open then.
 */
export async function openEncoder(options: EncoderOptions): Promise<EncoderService> {
  const { base, baseName, adaptersFolder: folder } = options;
  const arenas = new SharedArenas();
  let model: InferenceModel | undefined;
  const reading: Promise<void>[] = [];
  let tending: Disposable | undefined;
  const dispose = async (): Promise<void> => {
    tending?.[Symbol.dispose]();
    await model?.dispose();
    await Promise.all(reading);
    arenas.dispose();
  };
  try {
    model = await openGraph(options, arenas);
    const fingerprint = await expectedFingerprint(base, { folder, anyBase: options.anyBase });
    const files = { weights: base.weights, embeddings: embeddingsOf(base), fingerprint, folder, baseName };
    const { adapters, settled } = await openAdapters(model, files);
    reading.push(settled);
    const registry = model.adapters?.registry;
    tending = registry && tendRegistry(registry);
    const maxLength = Math.min(options.maxLength ?? Infinity, base.config.maxPositions);
    const context: EncoderContext = {
      adapters,
      control: registry && createAdapterControl({ registry, baseName }),
      router: new Router({ baseName, registry }),
      baseName,
      baseDirectory: resolve(options.origin ?? base.dir),
      created: Math.floor(Date.now() / 1000),
      maxLength,
    };
    const own = { adapters: registry === undefined ? undefined : adapters, registry };
    const served = options.changed === undefined ? model : watchedModel(model, options.changed);
    const entry = { model: served, ...own, idLimits: idLimitsOf(base) };
    const sources = sourcesOf(baseName, registry);
    const embeddings = embeddingContext(options, served, context);
    const rerank = rerankContext(options, served, context);
    return { base: context, embeddings, rerank, entry, sources, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** WHY none is active: the rows of a batch read the weights from host memory. */
function sourcesOf(baseName: string, registry: AdapterRegistry | undefined): ServedSources {
  if (registry === undefined) return { baseName };
  return { baseName, adapters: () => adapterSamples(registry, () => false), memory: () => registry.memory() };
}

async function openGraph(options: EncoderOptions, arenas: SharedArenas): Promise<InferenceModel> {
  const { base, environment, baseName: name, maxBatch, maxWaitMs, memoryPlan, residency } = options;
  const adapters = options.adaptersFolder !== undefined;
  const parameters = adapters ? await headOf(base) : [];
  const given = new Set(parameters.map((parameter) => parameter.name));
  const build = (): Model =>
    base.task === 'embedding'
      ? buildEmbeddingGraph(base)
      : buildClassificationGraph(base, { given, tokenTypes: isReranker(base) });
  return openInferenceGraph(
    { build, folder: base.dir, modules: base.modules, parameters },
    {
      name,
      environment,
      arenas,
      maxWaiting,
      adapters,
      residency,
      ...(maxBatch === undefined ? {} : { maxBatch }),
      ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
      ...(memoryPlan === undefined ? {} : { memoryPlan }),
    },
  );
}

/** Whether a base gives one number for a text or a pair. WHY of an encoder: a decoder joins pairs by words of its own. */
function isReranker({ config, task, labels, perToken }: BaseModel): boolean {
  return config.kind === 'encoder' && perToken !== true && task === 'classification' && labels?.length === 1;
}

/** The tables of an encoder in which its inputs are looked up. */
function idLimitsOf({ config, weights }: BaseModel): ReadonlyMap<string, number> {
  const limits = new Map([['input_ids', config.vocabSize]]);
  for (const [name, { shape }] of weights) {
    if (name.endsWith('token_type_embeddings.weight')) limits.set('token_type_ids', shape[0] ?? 1);
  }
  return limits;
}

/** The parameters that a classifier's adapter may replace, by PEFT's names: the head, and what lies before it in DistilBERT and ModernBERT. */
const headName = /^(pooler|(pre_)?classifier)\.|^score\.|^head\.(dense|norm)\./;

/** The head of a classifier, which adapters may replace (`modules_to_save`). */
async function headOf({ task, dir, weights }: BaseModel): Promise<ServedParameter[]> {
  if (task !== 'classification') return [];
  const parameters: ServedParameter[] = [];
  for (const [name, { dtype, shape, location, offset, length, quantized }] of weights) {
    if (!headName.test(name) || quantized !== undefined) continue;
    const place = { kind: 'external', dtype, shape, location, offset, length, mayBeLink: true } as const;
    const tensor = await readConstant(place, dir);
    parameters.push({ name, tensor: tensorOf('float32', shape, await convertToFloat32(tensor)) });
  }
  return parameters;
}

/** The administration of an encoder that is served without a folder of adapters. */
const noAdapters: AdapterAdministration = {
  list: () => [],
  load: () => Promise.reject(new EspalierError('ADAPTERS_FOLDER_MISSING', {})),
  unload: () => Promise.reject(new EspalierError('ADAPTERS_FOLDER_MISSING', {})),
};

async function openAdapters(
  { adapters }: InferenceModel,
  settings: Omit<AdministrationOptions, 'registry' | 'linears'>,
): Promise<Announced & { readonly adapters: AdapterAdministration }> {
  if (adapters === undefined) return { adapters: noAdapters, settled: Promise.resolve() };
  const options = { registry: adapters.registry, linears: adapters.modules, ...settings };
  const administration = createAdapterAdministration(options);
  const { settled } = await announceAdapters(options);
  return { adapters: administration, settled };
}

function embeddingContext(
  { base, tokenizer }: EncoderOptions,
  model: ServedModel,
  context: EncoderContext,
): EncoderService['embeddings'] {
  if (base.task !== 'embedding') return undefined;
  const { vocabSize } = base.config;
  const embedder = new Embedder({
    model,
    vocabSize,
    padTokenId: base.padTokenId ?? 0,
    maxLength: context.maxLength,
  });
  const width = model.signature.outputs[0]?.shape.at(-1);
  return {
    ...context,
    embedder,
    tokenizer,
    prompts: base.prompts,
    width: typeof width === 'number' ? width : undefined,
  };
}

function rerankContext(
  { base, tokenizer }: EncoderOptions,
  model: ServedModel,
  context: EncoderContext,
): EncoderService['rerank'] {
  if (!isReranker(base)) return undefined;
  const { vocabSize } = base.config;
  const typed = model.signature.inputs.some(({ name }) => name === 'token_type_ids');
  const { maxLength } = context;
  const scorer = new PairScorer({ model, vocabSize, padTokenId: base.padTokenId ?? 0, maxLength, typed });
  return { ...context, scorer, tokenizer };
}
