export { openBaseModel, type BaseModel } from './base-model.ts';
export type { GenerationConfig } from './generation-config.ts';
export {
  buildDecodeGraph,
  buildHeadGraph,
  buildScoringGraph,
  buildTrainingGraph,
  buildTrunkGraph,
  type GraphOptions,
} from './graphs.ts';
export { rotatesInAttention } from './llama/attention-cached.ts';
export type { LlamaConfig } from './llama-config.ts';
export type { LinearModule } from './llama-weights.ts';
export { verifyWeights } from './verify-weights.ts';
export type { WeightRef } from './weight-files.ts';
export { createRandomBase, type RandomBaseOptions } from './create-random-base.ts';
