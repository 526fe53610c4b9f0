import type { LanguageModelV4, ProviderV4 } from '@ai-sdk/provider';
import { EspalierError } from '../core/index.ts';
import type { LocalModel } from '../library/index.ts';
import { createLanguageModel } from './language-model.ts';

/** Gives models by the names of adapters: `provider('policy')`, `provider('policy@5f3a9c1e')`, `provider('base:policy')`. */
export interface EspalierProvider extends ProviderV4 {
  (modelId: string): LanguageModelV4;
}

/**
 * Makes a provider for the AI SDK of a model in this process. The name of the base, `model.baseName`, names the base itself.
 *
 * The model stays its caller's, who disposes it. A name is looked up at each call, so adapters may come and go meanwhile; an unknown one
 * fails the call with ADAPTER_NOT_FOUND. The provider has language models only: its `embeddingModel` and `imageModel` throw
 * MODEL_KIND_NOT_PROVIDED.
 */
export function createEspalier(model: LocalModel): EspalierProvider {
  const languageModel = (modelId: string): LanguageModelV4 => createLanguageModel(model, modelId);
  const lacking = (kind: string) => (modelId: string) => {
    throw new EspalierError('MODEL_KIND_NOT_PROVIDED', { model: modelId, kind });
  };
  return Object.assign((modelId: string) => languageModel(modelId), {
    specificationVersion: 'v4',
    languageModel,
    embeddingModel: lacking('embedding'),
    imageModel: lacking('image'),
  } as const);
}
