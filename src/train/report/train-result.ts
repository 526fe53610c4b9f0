import type { DataAccount } from '../data/read-examples.ts';
import type { StepMetrics } from './metrics.ts';
import type { MatchedTarget } from '../graph/trainable.ts';

/** What a training is about to do. */
export interface TrainPlan {
  readonly trainableParameters: number;
  /** Of the base, without adapters. */
  readonly baseParameters: number;
  /** What each target matched; empty in a full training. */
  readonly matched: readonly MatchedTarget[];
  readonly data: DataAccount;
  readonly evalData: DataAccount | undefined;
  readonly steps: number;
  readonly maxLength: number;
  readonly learningRate: number;
}

/** What a training tells while it goes on. */
export type TrainEvent =
  | { readonly kind: 'planned'; readonly plan: TrainPlan }
  | { readonly kind: 'evaluated'; readonly step: number; readonly loss: number; readonly accuracy?: number }
  | { readonly kind: 'stepped'; readonly metrics: StepMetrics; readonly steps: number }
  /** Something that does not stop the training and that a person should know. */
  | { readonly kind: 'warned'; readonly message: string };

/** What the steps of a training came to. */
export type TrainTrace = Omit<TrainResult, 'output' | 'plan' | 'seconds' | 'interrupted'>;

/** What became of a training. */
export interface TrainResult {
  readonly output: string;
  readonly plan: TrainPlan;
  /** Optimizer steps taken. */
  readonly steps: number;
  /** Whether it was interrupted; what had been trained until then is saved. */
  readonly interrupted: boolean;
  readonly firstLoss: number;
  readonly lastLoss: number;
  readonly evalLossBefore: number | undefined;
  readonly evalLossAfter: number | undefined;
  /** Share of the held-out rows that got their label; where rows are classified. */
  readonly evalAccuracyBefore?: number;
  readonly evalAccuracyAfter?: number;
  /** Rows, where rows have labels. */
  readonly targetTokens: number;
  readonly seconds: number;
}
