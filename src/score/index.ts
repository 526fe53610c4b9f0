export { logitDrift, type DriftOptions, type DriftSide, type LogitDrift } from './logit-drift.ts';
export type { WeightedAdapter } from './merge-adapters.ts';
export {
  openScorer,
  Scorer,
  type Evaluation,
  type LabelledRow,
  type ScorerOptions,
  type SequenceScore,
} from './scorer.ts';
export type { ScoredModule } from './scoring-parts.ts';
