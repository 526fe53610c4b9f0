import type { TrainResult } from '../report/train-result.ts';

/** What one of several trainings came to. */
export type RunEnd =
  | { readonly name: string; readonly kind: 'result'; readonly result: TrainResult }
  | { readonly name: string; readonly kind: 'failed'; readonly error: unknown };
