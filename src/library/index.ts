export type { ChatOptions, GenerateOptions, LoadOptions, ScoreOptions } from './generate-options.ts';
export { loadModel, type LoadModelOptions } from './load-model.ts';
export type { Answer, LocalModel, Score } from './local-model.ts';
export type { FinishReason, Piece } from './pieces.ts';
export { serve, type ServeOptions } from './serve.ts';
export { train, type TrainedModel, type TrainRunOptions } from './train.ts';
