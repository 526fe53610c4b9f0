/** Espalier as a library. `docs/library.md` shows its use; each subpath of the package is the face of one folder. */
export { codes, EspalierError, type ErrorCode } from './core/index.ts';
export {
  type Answer,
  type AnsweringAdapter,
  type ChatOptions,
  type FinishReason,
  type GenerateOptions,
  loadModel,
  type LoadModelOptions,
  type LocalModel,
  type LogitsFunction,
  type Piece,
  type Score,
  type ScoreOptions,
  serve,
  type ManyTrainings,
  planTraining,
  planTrainMany,
  type PlanTrainManyOptions,
  type PlanTrainingOptions,
  type ServeOptions,
  type TokensSoFar,
  train,
  type TrainedModel,
  type Training,
  type RunEvent,
  trainMany,
  type TrainManyRunOptions,
  type TrainRunOptions,
} from './library/index.ts';
export { openServer, type Server, type ServerOptions } from './http/index.ts';
export { liveHandles } from './native/index.ts';
export { type Environment, openEnvironment } from './onnxruntime/index.ts';
export type { ChatMessage } from './tokenizer/index.ts';
export {
  resolveConfig,
  runTraining,
  type RunEnd,
  type RunForecast,
  type RunsForecast,
  type RunsOptions,
  type StepMetrics,
  type TrainConfig,
  type MemoryForecast,
  type TrainEvent,
  type TrainForecast,
  type TrainOptions,
  type TrainPlan,
} from './train/index.ts';
