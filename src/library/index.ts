export { adapterByName, type NamedLora, type NamedModel } from './adapter-by-name.ts';
export { assistantMessage, type ThinkingMessage } from './assistant-message.ts';
export { answerFormat } from './answer-format.ts';
export type { ChatOptions, GenerateOptions, LoadOptions, ScoreOptions } from './generate-options.ts';
export type { LogitsFunction, TokensSoFar } from '../engine/index.ts';
export { loadModel, type LoadModelOptions } from './load-model.ts';
export type { AnsweringAdapter, FinishReason, ToolCallDelta, Usage, WholeToolCall } from '../answering/index.ts';
export type { Answer, Piece } from './answer.ts';
export type { LocalModel, Score } from './local-model.ts';
export { serve, type ServeOptions } from './serve.ts';
export {
  planConfigured,
  planTraining,
  type PlanTrainingOptions,
  train,
  trainConfigured,
  type TrainedModel,
  type Training,
  type TrainRunOptions,
} from './train.ts';
export {
  type ManyTrainings,
  planManyConfigured,
  planTrainMany,
  type PlanTrainManyOptions,
  type RunEvent,
  trainMany,
  trainManyConfigured,
  type TrainManyRunOptions,
} from './train-many.ts';
export { LinkedAbort } from './linked-abort.ts';
export { readOptions } from './read-options.ts';
