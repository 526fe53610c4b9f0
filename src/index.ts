/**
 * Espalier as a library: the exports that most programs need. The public interface of a folder is a subpath, such as `espalier/ir`.
 */
export { EspalierError, codes, type ErrorCode } from './core/index.ts';
export { loadAdapter } from './adapters/index.ts';
export { openServer, type Server, type ServerOptions } from './http/index.ts';
export {
  openInferenceModel,
  SharedArenas,
  type InferenceModel,
  type InferenceModelOptions,
} from './inference/index.ts';
export { loadPeftAdapter, savePeftAdapter } from './adapters/index.ts';
export type { Adapter, LoraConfig } from './lora/index.ts';
export { createRandomBase, openBaseModel, type BaseModel } from './models/index.ts';
export { openEnvironment, type Environment } from './runtime/index.ts';
export { liveHandles } from './native/index.ts';
export { openScorer, type Scorer, type ScorerOptions } from './evaluate/index.ts';
export { openEngine, type Engine, type EngineOptions, type GenerationRequest } from './engine/index.ts';
export { openTokenizer, type Tokenizer } from './tokenizer/index.ts';
export { resolveConfig, runTraining, type TrainOptions, type TrainEvent, type TrainResult } from './train/index.ts';
