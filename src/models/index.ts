export { openBaseModel, type BaseGraphs, type BaseModel, type GraphOptions, type ModelConfig } from './base-model.ts';
export type { GenerationConfig } from './generation-config.ts';
export { buildDecodeGraph, buildHeadGraph, buildScoringGraph, buildTrainingGraph, buildTrunkGraph } from './graphs.ts';
export type { LlamaConfig } from './llama-config.ts';
export { verifyWeights } from './verify-weights.ts';
export type { WeightRef } from './weight-files.ts';
export { createRandomBase, type RandomBaseOptions } from './create-random-base.ts';
