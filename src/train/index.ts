export { readConfigFile } from './config/read-config-file.ts';
export { resolveConfig, type ConfigSources } from './config/resolve-config.ts';
export { trainDefaults, type TrainConfig, type TrainConfigInput } from './config/train-config.ts';
export type { StepMetrics } from './metrics.ts';
export { optimizerNames } from './optimizer/create-optimizer.ts';
export { runTraining, type RunTrainingOptions } from './run-training.ts';
export { scheduleNames } from './schedule.ts';
export type { TrainEvent, TrainPlan, TrainResult } from './train-result.ts';
export type { MatchedTarget } from './trainable.ts';
