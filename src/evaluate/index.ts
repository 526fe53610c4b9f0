export {
  type Classification,
  classificationOf,
  type MultiLabelClassification,
  type Regression,
  resultOf,
  type RowResult,
  type TokenLabel,
  type TokenSource,
  tokenLabelsOf,
} from './prediction/classification.ts';
export type { PredictRow, TensorRow, TokenRow } from './prediction/predict-row.ts';
export { openPredictor, type PredictOptions, Predictor, type PredictorOptions } from './prediction/predictor.ts';
export { type DriftOptions, type DriftSide, logitDrift, type LogitDrift } from './scoring/logit-drift.ts';
export { mergeAdapters, type MergedModule, type WeightedAdapter } from './scoring/merge-adapters.ts';
export { planBatches } from './scoring/plan-batches.ts';
export {
  type Evaluation,
  type LabelledRow,
  openScorer,
  Scorer,
  type ScorerOptions,
  type SequenceScore,
} from './scoring/scorer.ts';
export type { ScoredModule } from './scoring/scoring-parts.ts';
