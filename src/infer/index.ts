export { Embedder, type Embedding, type EmbedOptions } from './embedder.ts';
export { InferenceModel, type InferenceRequest, type InferenceResult, type InferenceStats } from './inference-model.ts';
export { memoryPlans, type MemoryPlan } from './memory/run-memory.ts';
export { SharedArenas } from './memory/shared-arenas.ts';
export type { ModelAdapters, ResidentAdapter, ServedParameter } from './model-adapters.ts';
export type { ModelSignature, TensorSignature } from './model-signature.ts';
export {
  openInferenceGraph,
  openInferenceModel,
  type GraphSource,
  type InferenceModelOptions,
} from './open-inference-model.ts';
export { describePlan, type DescribedPlan, type DescribeOptions } from './memory/describe-plan.ts';
