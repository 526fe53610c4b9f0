export type { QuarantineBounds } from '../adapter-store/index.ts';
/** What requests may say, which the engine decides. */
export { isTokenId, parseTokenId, repetitionPenalties } from '../engine/index.ts';
export type { AuditReader } from './audit-reader.ts';
export { endTokenIds } from './end-token-ids.ts';
export type { EmbeddingContext } from './embedding-context.ts';
export type { EndedSequence as EncoderEnd } from '../telemetry/index.ts';
export type { RerankContext } from './rerank-context.ts';
export type {
  GeneratedToken,
  GenerationEngine,
  GenerationRequest,
  GenerationRoute,
  ReportedToken,
  Reservation,
  TokenStream,
} from './engine-port.ts';
export type { LogitsFunction, NamedLogitsFunction } from '../engine/index.ts';
export type { InferenceContext, InferenceEntry, ServedModel } from './inference-context.ts';
export { type EncoderService, openEncoder } from './open-encoder.ts';
export { type MemoryShares, shareMemory } from './memory-shares.ts';
export { adapterSamples, type ServedSources } from './metric-sources.ts';
export { type GenerationRoom, type GenerationService, openGeneration, type TemplateOf } from './open-generation.ts';
export { type ModelSource, type ModelsService, openModels } from './open-models.ts';
export { type NameFallback, type RolloutCommand, type RolloutControl, type StartOptions } from './rollouts/rollouts.ts';
export type { BaseContext, DoorContext, ServingContext, VersionTrials } from './serving-context.ts';
export { watchedEngine } from './watched-engine.ts';
