export { adapterNameForm, isAdapterName } from '../core/index.ts';
export {
  type Admission,
  type Admitted,
  Breaker,
  type BreakerChange,
  type BreakerFacts,
  type BreakerState,
  type CallResult,
} from './breaker/breaker.ts';
export { type BreakerOptions, readBreakerOptions } from './breaker/breaker-options.ts';
export { BreakerTable } from './breaker/breaker-table.ts';
export { DeclaredFallbacks, type FallbackRecords } from './breaker/declared-fallbacks.ts';
export {
  type AliasState,
  type Answer,
  type Candidate,
  decideAnswer,
  decideRetry,
  type FailedCall,
  type Fallback,
  fallbacks,
  type FallbackTaken,
  readFallback,
} from './breaker/fallback.ts';
export { outcomeOf } from './breaker/outcome-of.ts';
export { leaseAll } from './mixture.ts';
export type { AdapterArena, AdapterFacts, HostWeights, Shard } from './registry/adapter-arena.ts';
export { AdapterRegistry, type RegistryOptions } from './registry/adapter-registry.ts';
export { leastAdapterMemory } from './registry/default-memory.ts';
export type { AdapterSource, SourcedAdapter } from './registry/adapter-source.ts';
export type { AdapterLease, AdapterVersion } from './registry/adapter-version.ts';
export type { AdapterInfo, AdapterMove, Pin } from './registry/alias.ts';
export type {
  ChangeOptions,
  DrainOptions,
  MoveOptions,
  PinOptions,
  RollbackOptions,
} from './registry/change-options.ts';
export type { AdoptedVersion, EarlierMove, KnownVersion } from './registry/known-version.ts';
export type { ResidentWeights, WeightsHold } from './registry/host-memory.ts';
export { arbitrate, type Arbitration, type Finding, type Metric, type Verdict } from './rollout/arbitrate.ts';
export { type RequestEnd, type RolloutPart, RoutedRequest } from './rollout/routed-request.ts';
export { type RolloutMode, rolloutModes } from './rollout/rollout-mode.ts';
export { readRolloutRecord, type RolloutRecord } from './rollout/rollout-record.ts';
export { type NameFacts, RolloutRunner, type RunnerOptions } from './rollout/rollout-runner.ts';
export { type NoiseFloor, type NoiseOptions, NoiseRun } from './rollout/noise-run.ts';
export { type NoiseRecords, NoiseRuns, type NoiseState } from './rollout/noise-runs.ts';
export { type CallOutcome, outcomeOfRun, rolloutOutcomeOf } from './rollout/call-outcome.ts';
export { type Divergence, divergenceOf } from './rollout/divergence.ts';
export {
  addComparison,
  createMirrorEvidence,
  meanIntervals,
  type MeanIntervals,
  type MirrorEvidence,
  mirrorLimits,
  noiseOf,
} from './rollout/evidence.ts';
export { type Comparison, RequestComparison } from './rollout/request-comparison.ts';
export {
  type Noise,
  readRolloutOptions,
  type RolloutOptions,
  type RolloutSettings,
} from './rollout/rollout-settings.ts';
export type { RolloutPhase, RolloutState, RolloutSubject } from './rollout/rollout-state.ts';
export {
  type Assignment,
  type CallEnd,
  type MirroredCall,
  Rollout,
  type RolloutChange,
  type Side,
} from './rollout/rollout.ts';
export { topDivergence, type TopTokens } from './rollout/top-divergence.ts';
export { type DivergenceBounds, truncatedDivergence } from './rollout/truncated-divergence.ts';
export { type MixedAdapter, parseModel } from './model-reference.ts';
export { type Route, Router } from './router.ts';
export { VersionChoice, type VersionChoiceOptions } from './version-choice.ts';
export {
  type AdapterControl,
  assertAdapterName,
  type ControlOptions,
  createAdapterControl,
} from './store/adapter-control.ts';
export type { VersionStore } from './store/version-store.ts';
export type { NameChange } from './store/move-together.ts';
export { type AdministrationOptions, createAdapterAdministration } from './store/adapter-administration.ts';
export { type Announced, announceAdapters } from './store/announce-adapters.ts';
export { listAdapterFolders } from './store/adapters-folder.ts';
export { FallbackFile } from './store/fallback-file.ts';
export { JsonFile } from './store/json-file.ts';
export { RolloutFiles, type RolloutRecords } from './store/rollout-files.ts';
export { kindsInFolder } from './store/kinds-in-folder.ts';
export { checkStructure, FileSource, type FileSourceOptions, readContents } from './store/file-source.ts';
export { innerModules, targetsInFolder } from './store/targets-in-folder.ts';
export type { AdapterAdministration, ServedAdapter } from './store/served-adapter.ts';
export {
  adapterIn,
  type FileContent,
  isPlainName,
  receiveFile,
  receiveFiles,
  type ReceivedFile,
} from './store/receive-files.ts';
