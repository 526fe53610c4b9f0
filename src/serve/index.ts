export type { EngineStats, Percentiles, RequestCounts } from './engine-stats.ts';
export { Engine, type EngineOptions, openEngine } from './engine.ts';
export type { FinishReason, GeneratedToken, GenerationRequest, ReportedToken } from './generation-request.ts';
export type { GenerationStream, StreamAdapter } from './generation-stream.ts';
export type { TokenLogprob } from './sampler.ts';
