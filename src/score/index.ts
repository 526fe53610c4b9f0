export { type DriftOptions, type DriftSide, logitDrift, type LogitDrift } from './logit-drift.ts';
export { mergeAdapters, type MergedModule, type WeightedAdapter } from './merge-adapters.ts';
export { planBatches } from './plan-batches.ts';
export {
  type Evaluation,
  type LabelledRow,
  openScorer,
  Scorer,
  type ScorerOptions,
  type SequenceScore,
} from './scorer.ts';
export type { ScoredModule } from './scoring-parts.ts';
