import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type InferenceModel, readInferenceFile, SharedArenas, type MemoryPlan } from '../batching/index.ts';
import {
  type Announced,
  announceAdapters,
  createAdapterAdministration,
  type AdministrationOptions,
  type RegistryOptions,
} from '../routing/index.ts';
import { BaseWatch, PrivateBase } from '../models/index.ts';
import type { Environment } from '../onnxruntime/index.ts';
import { expectedFingerprint } from './expected-fingerprint.ts';
import type { InferenceContext, InferenceEntry } from './inference-context.ts';
import { tendRegistry } from './tend-registry.ts';
import { watchedModel } from './watched-model.ts';

/** A model to serve under `/v2`. */
export interface ModelSource {
  readonly name: string;
  /** An ONNX file. */
  readonly path: string;
}

export interface ModelsOptions {
  readonly models: readonly ModelSource[];
  /** Serves copies of the models, made in the folder for temporary files or in this one. */
  readonly copyBase?: boolean | string | undefined;
  readonly environment: Environment;
  /**
   * Folder of adapters. The adapters of a model are in its subfolder with the model's name. If nothing else is served, they may be in
   * the folder itself.
   */
  readonly adaptersFolder: string | undefined;
  /** Takes adapters that were trained on another base. */
  readonly anyBase?: boolean | undefined;
  /** Whether only these models take adapters from the folder. */
  readonly isAlone: boolean;
  readonly maxBatch: number | undefined;
  readonly maxWaitMs: number | undefined;
  readonly memoryPlan: MemoryPlan | undefined;
  /** How many weights of adapters are kept in host memory, and for how long. */
  readonly residency?: RegistryOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The models behind the Open Inference Protocol, with their shared resources. */
export interface ModelsService {
  readonly models: InferenceContext['models'];
  dispose(): Promise<void>;
}

/**
 * Opens models for `/v2`, each with its adapters. Their files are watched: a model whose file is written to is not ready from then on,
 * and its requests fail; the others are not affected.
 *
 * @throws EspalierError the errors of `readInferenceFile`, `announceAdapters` and `PrivateBase.open`. Nothing is left open then.
 */
export async function openModels(options: ModelsOptions): Promise<ModelsService> {
  const arenas = new SharedArenas();
  const opened: (() => Promise<void>)[] = [async () => arenas.dispose()];
  const dispose = async (): Promise<void> => {
    for (const each of opened.splice(0).reverse()) await each();
  };
  try {
    const models = new Map<string, InferenceEntry>();
    for (const source of options.models) models.set(source.name, await openEntry(source, options, { arenas, opened }));
    return { models, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Opening {
  readonly arenas: SharedArenas;
  /** Functions that dispose what has been opened. */
  readonly opened: (() => Promise<void>)[];
}

async function openEntry(
  source: ModelSource,
  options: ModelsOptions,
  { arenas, opened }: Opening,
): Promise<InferenceEntry> {
  const folder = await adaptersOf(source.name, options);
  const path = await privatePath(source, options, opened);
  const file = await readInferenceFile(
    path,
    settingsOf(source.name, options, { arenas, adapters: folder !== undefined }),
  );
  const watch = await BaseWatch.open(file);
  opened.push(() => watch[Symbol.asyncDispose]());
  const fingerprint = await expectedFingerprint(file, { folder, anyBase: options.anyBase });
  const model = await file.open();
  const tending = model.adapters && tendRegistry(model.adapters.registry);
  const reading: Promise<void>[] = [];
  opened.push(async () => {
    tending?.[Symbol.dispose]();
    await model.dispose();
    await Promise.all(reading);
  });
  const { settled, ...adapters } = await openAdapters(model, { folder, fingerprint });
  reading.push(settled);
  return { model: watchedModel(model, watch.changed), ...adapters };
}

/** The path of the model, or of its copy. */
async function privatePath(
  { path }: ModelSource,
  { copyBase = false, signal }: ModelsOptions,
  opened: Opening['opened'],
): Promise<string> {
  if (copyBase === false) return path;
  const copy = await PrivateBase.open(path, { signal, ...(typeof copyBase === 'string' && { folder: copyBase }) });
  opened.push(() => copy[Symbol.asyncDispose]());
  return copy.path;
}

function settingsOf(
  name: string,
  { environment, maxBatch, maxWaitMs, memoryPlan, residency }: ModelsOptions,
  shared: { readonly arenas: SharedArenas; readonly adapters: boolean },
): Parameters<typeof readInferenceFile>[1] {
  return {
    name,
    environment,
    residency,
    ...shared,
    ...(maxBatch === undefined ? {} : { maxBatch }),
    ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
    ...(memoryPlan === undefined ? {} : { memoryPlan }),
  };
}

async function adaptersOf(name: string, options: ModelsOptions): Promise<string | undefined> {
  const { adaptersFolder, models, isAlone } = options;
  if (adaptersFolder === undefined) return undefined;
  const own = join(adaptersFolder, name);
  const isFolder = await stat(own).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isFolder) return own;
  return isAlone && models.length === 1 ? adaptersFolder : undefined;
}

type OpenedAdapters = Pick<InferenceEntry, 'adapters' | 'registry'> & Announced;

async function openAdapters(
  model: InferenceModel,
  settings: Pick<AdministrationOptions, 'folder' | 'fingerprint'>,
): Promise<OpenedAdapters> {
  if (model.adapters === undefined) return { adapters: undefined, registry: undefined, settled: Promise.resolve() };
  const { registry, modules } = model.adapters;
  const options = { registry, linears: modules, ...settings, baseName: model.name };
  const adapters = createAdapterAdministration(options);
  const { settled } = await announceAdapters(options);
  return { adapters, registry, settled };
}
