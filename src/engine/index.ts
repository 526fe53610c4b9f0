export type { EngineStats, Percentiles, RequestCounts } from './engine-stats.ts';
export { Engine, type EngineOptions, openEngine } from './engine.ts';
export type { LogitsProcessor } from './sampling/logits-processor.ts';
export type { TokenLogprob } from './sampling/sampler.ts';
export type { FinishReason, GeneratedToken, GenerationRequest, ReportedToken } from './sequence/generation-request.ts';
export type { PreparedAdapter } from './adapters/prepared-adapter.ts';
export type { NamedAdapter, RequestedAdapter } from './adapters/sequence-adapters.ts';
export type { GenerationStream } from './sequence/generation-stream.ts';
