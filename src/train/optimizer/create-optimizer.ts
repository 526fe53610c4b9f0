import { AdamW } from './adamw.ts';
import type { Floats, Optimizer } from './optimizer.ts';

/** Every optimizer that a training can name. */
export const optimizerNames = ['adamw'] as const;
export type OptimizerName = (typeof optimizerNames)[number];

/** The optimizer of that name, with fresh state for parameters like these. */
export function createOptimizer(name: OptimizerName, like: Floats): Optimizer {
  switch (name) {
    case 'adamw':
      return new AdamW(like);
  }
}
