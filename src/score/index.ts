export { logitDrift, type DriftOptions, type DriftSide, type LogitDrift } from './logit-drift.ts';
export { mergeAdapters, type MergedModule, type WeightedAdapter } from './merge-adapters.ts';
export { planBatches } from './plan-batches.ts';
export {
  openScorer,
  Scorer,
  type Evaluation,
  type LabelledRow,
  type ScorerOptions,
  type SequenceScore,
} from './scorer.ts';
export type { ScoredModule } from './scoring-parts.ts';
