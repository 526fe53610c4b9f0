import type { DataAccount } from '../data/data-account.ts';
import type { StepMetrics } from './metrics.ts';
import type { MemoryChoice } from '../memory/sparing-settings.ts';
import type { MatchedTarget } from '../graph/trainable.ts';

/** The plan of a training. */
export interface TrainPlan {
  readonly trainableParameters: number;
  /** Number of parameters of the base, without adapters. */
  readonly baseParameters: number;
  /** The modules that each target matched; empty in a full training. */
  readonly matched: readonly MatchedTarget[];
  readonly data: DataAccount;
  readonly evalData: DataAccount | undefined;
  readonly steps: number;
  readonly maxLength: number;
  readonly learningRate: number;
  /** Whose chat template and tokenizer the rows have: the base's, the initial adapter's, or the template that was asked for. */
  readonly template: 'base' | 'adapter' | 'given';
  /** How the training fits into `memoryLimit`, if the settings have one. */
  readonly memory?: MemoryChoice;
}

/** The events of a running training. */
export type TrainEvent =
  | { readonly kind: 'planned'; readonly plan: TrainPlan }
  | { readonly kind: 'evaluated'; readonly step: number; readonly loss: number; readonly accuracy?: number }
  | { readonly kind: 'stepped'; readonly metrics: StepMetrics; readonly steps: number }
  /** The training goes on from a checkpoint. */
  | { readonly kind: 'resumed'; readonly step: number; readonly checkpoint: string }
  | { readonly kind: 'saved'; readonly step: number; readonly checkpoint: string; readonly seconds: number }
  /** What the model answers to a prompt of `samplePrompt`, before or after the training. */
  | ({ readonly kind: 'sampled'; readonly when: 'before' | 'after' } & Sample)
  /** A problem that does not stop the training and that a person should know. */
  | { readonly kind: 'warned'; readonly message: string };

/** A prompt, and the answer of the model. */
export interface Sample {
  readonly prompt: string;
  readonly text: string;
}

/** The results of the steps of a training. */
export type TrainTrace = Omit<TrainResult, 'output' | 'plan' | 'seconds' | 'interrupted' | 'stoppedEarly' | 'best'>;

/** The result of a training. */
export interface TrainResult {
  readonly output: string;
  readonly plan: TrainPlan;
  /** Optimizer steps taken. */
  readonly steps: number;
  /** Whether it was interrupted. The result so far was then saved. */
  readonly interrupted: boolean;
  /** Whether it ended before its last step because the held-out loss no longer became better. */
  readonly stoppedEarly: boolean;
  /** The best evaluation during the training; with `result: 'best'`, that of the saved weights. */
  readonly best?: { readonly step: number; readonly loss: number };
  readonly firstLoss: number;
  readonly lastLoss: number;
  readonly evalLossBefore: number | undefined;
  readonly evalLossAfter: number | undefined;
  /** Fraction of the held-out rows that were classified correctly; only for classification. */
  readonly evalAccuracyBefore?: number;
  readonly evalAccuracyAfter?: number;
  /** Number of target tokens, or of rows if rows have labels. */
  readonly targetTokens: number;
  /** Steps that changed nothing, because their loss or a gradient was not finite. */
  readonly skippedSteps: number;
  readonly seconds: number;
}
