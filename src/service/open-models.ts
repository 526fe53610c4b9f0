import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openInferenceModel, SharedArenas, type InferenceModel, type MemoryPlan } from '../batching/index.ts';
import type { Environment } from '../onnxruntime/index.ts';
import { type Announced, announceAdapters, createAdapterAdministration } from '../routing/index.ts';
import type { InferenceContext, InferenceEntry } from './inference-context.ts';

/** A model to serve under `/v2`. */
export interface ModelSource {
  readonly name: string;
  /** An ONNX file. */
  readonly path: string;
}

export interface ModelsOptions {
  readonly models: readonly ModelSource[];
  readonly environment: Environment;
  /**
   * Folder of adapters. The adapters of a model are in its subfolder with the model's name. If nothing else is served, they may be in
   * the folder itself.
   */
  readonly adaptersFolder: string | undefined;
  /** Whether only these models take adapters from the folder. */
  readonly isAlone: boolean;
  readonly maxBatch: number | undefined;
  readonly maxWaitMs: number | undefined;
  readonly memoryPlan: MemoryPlan | undefined;
  /** Bytes of host memory for each model's adapters. */
  readonly adapterMemory?: number | undefined;
}

/** The models behind the Open Inference Protocol, with their shared resources. */
export interface ModelsService {
  readonly models: InferenceContext['models'];
  dispose(): Promise<void>;
}

/**
 * Opens models for `/v2`, each with its adapters.
 * @throws EspalierError the errors of `openInferenceModel` and `announceAdapters`. Nothing is left open then.
 */
export async function openModels(options: ModelsOptions): Promise<ModelsService> {
  const arenas = new SharedArenas();
  const opened: InferenceModel[] = [];
  const reading: Promise<void>[] = [];
  const dispose = async (): Promise<void> => {
    for (const model of opened) await model.dispose();
    await Promise.all(reading);
    arenas.dispose();
  };
  try {
    const models = new Map<string, InferenceEntry>();
    for (const source of options.models) {
      const folder = await adaptersOf(source.name, options);
      const model = await openOne(source, options, { arenas, adapters: folder !== undefined });
      opened.push(model);
      const { settled, ...entry } = await openAdapters(model, folder);
      reading.push(settled);
      models.set(source.name, { model, ...entry });
    }
    return { models, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function openOne(
  { name, path }: ModelSource,
  { environment, maxBatch, maxWaitMs, memoryPlan, adapterMemory }: ModelsOptions,
  shared: { readonly arenas: SharedArenas; readonly adapters: boolean },
): Promise<InferenceModel> {
  return openInferenceModel(path, {
    name,
    environment,
    adapterMemory,
    ...shared,
    ...(maxBatch === undefined ? {} : { maxBatch }),
    ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
    ...(memoryPlan === undefined ? {} : { memoryPlan }),
  });
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

async function openAdapters(model: InferenceModel, folder: string | undefined): Promise<OpenedAdapters> {
  if (model.adapters === undefined) return { adapters: undefined, registry: undefined, settled: Promise.resolve() };
  const { registry, modules } = model.adapters;
  const options = { registry, linears: modules, folder, baseName: model.name };
  const adapters = createAdapterAdministration(options);
  const { settled } = await announceAdapters(options);
  return { adapters, registry, settled };
}
