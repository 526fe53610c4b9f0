export {
  openBaseModel,
  type BaseGraphs,
  type BaseInput,
  type BaseModel,
  type BaseTask,
  type EncoderGraphOptions,
  type GraphOptions,
  type ModelConfig,
} from './base-model.ts';
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
