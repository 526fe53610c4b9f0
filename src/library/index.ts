export type { ChatOptions, GenerateOptions, LoadOptions, ScoreOptions } from './generate-options.ts';
export type { LogitsFunction, TokensSoFar } from '../engine/index.ts';
export { loadModel, type LoadModelOptions } from './load-model.ts';
export type { FinishReason } from '../answering/index.ts';
export type { Answer, AnsweringAdapter, Piece } from './answer.ts';
export type { LocalModel, Score } from './local-model.ts';
export { serve, type ServeOptions } from './serve.ts';
export { train, type TrainedModel, type TrainRunOptions } from './train.ts';
