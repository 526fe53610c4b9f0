export type {
  BaseGraphs,
  BaseInput,
  BaseModel,
  BaseTask,
  EncoderGraphOptions,
  GraphOptions,
  ModelConfig,
} from './base-model.ts';
export { openBaseModel } from './open-base-model.ts';
export type { GenerationConfig } from './generation-config.ts';
export {
  buildClassificationGraph,
  buildClassificationTrainingGraph,
  buildEmbeddingGraph,
  buildDecodeGraph,
  buildHeadGraph,
  buildScoringGraph,
  buildTrainingGraph,
  buildTrunkGraph,
} from './graphs.ts';
export type { LlamaConfig } from './llama-config.ts';
export { verifyWeights } from './verify-weights.ts';
export type { WeightRef } from './weight-files.ts';
export { createRandomBase, type RandomBaseOptions } from './create-random-base.ts';
export { modelName } from './model-name.ts';
