export { type SettingSchema, settingSchemas } from './config/settings-schema.ts';
export { readConfigFile } from './config/read-config-file.ts';
export { type ConfigSources, resolveConfig, resolveTrainOptions, trainOptionNames } from './config/resolve-config.ts';
export {
  describesRuns,
  type NamedRun,
  resolveRuns,
  resolveRunsOptions,
  type RunsOptions,
  type RunsSettings,
  type RunsSources,
} from './config/resolve-runs.ts';
export {
  defaultLearningRate,
  defaultMaxLength,
  trainDefaults,
  type TrainConfig,
  type TrainOptions,
} from './config/train-config.ts';
export { trainingStateOf, type TrainingState } from './checkpoint/training-state.ts';
export {
  type ComparedOptimizer,
  compareOptimizers,
  type OptimizerComparison,
  type OptimizerFigures,
} from './compare/compare-optimizers.ts';
export { type OptimizerName, optimizerNames } from './optimizer/create-optimizer.ts';
export type { DataAccount, UnknownField } from './data/data-account.ts';
export { type FormatName, formatNames } from './data/formats/row-formats.ts';
export { type Dataset, readExamples } from './data/read-examples.ts';
export { type InspectedRow, inspectRows, type RowsFound, type RowsInspection } from './data/inspect-rows.ts';
export { type CheckedRows, checkRows, type CheckRowsOptions } from './data/check-rows.ts';
export { oddities, type Oddity } from './data/row-oddities.ts';
export { ignoredLabel, type Truncation, truncations } from './data/example.ts';
export { type InputRow, readInputs, type ReadInputsOptions } from './data/read-inputs.ts';
export { createLossGraph } from './graph/loss-graph.ts';
export type { MatchedTarget } from './graph/trainable.ts';
export type { RunState } from './loop/run-state.ts';
export { runTraining, type RunTrainingOptions } from './loop/run-training.ts';
export { StepLoop, type StepLoopOptions } from './loop/step-loop.ts';
export type { ReduceStep, StepCounts } from './loop/trainer.ts';
export { readTrainingInputs, type TrainingInputs } from './loop/training-inputs.ts';
export { TrainingModel } from './loop/training-model.ts';
export { type MemoryForecast, planTraining, type TrainForecast } from './memory/plan-training.ts';
export type { StepMetrics } from './report/metrics.ts';
export type { AnswerPrompts, SampledModel } from './report/run-view.ts';
export type { Sample, TrainEvent, TrainPlan, TrainResult } from './report/train-result.ts';
export type { RunEnd } from './together/run-end.ts';
export { runTrainings, type RunTrainingsOptions } from './together/run-trainings.ts';
export {
  planTrainings,
  type PlanTrainingsOptions,
  type RunForecast,
  type RunsForecast,
} from './together/plan-trainings.ts';
