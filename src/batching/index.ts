export { PairScorer } from './pair-scorer.ts';
export { Embedder, type Embedding, type EmbedOptions } from './embedder.ts';
export { InferenceModel, type InferenceRequest, type InferenceResult, type InferenceStats } from './inference-model.ts';
export { type DescribedPlan, type DescribeOptions, describePlan } from './memory/describe-plan.ts';
export { type MemoryPlan, memoryPlans } from './memory/run-memory.ts';
export { SharedArenas } from './memory/shared-arenas.ts';
export type { ModelAdapters, ResidentAdapter, ServedParameter } from './model-adapters.ts';
export type { ModelSignature, TensorSignature } from './model-signature.ts';
export {
  type GraphSource,
  type InferenceFile,
  type InferenceModelOptions,
  openInferenceGraph,
  openInferenceModel,
  readInferenceFile,
} from './open-inference-model.ts';
