import { definedOnly } from '../../core/index.ts';
import { AdamW } from './adamw.ts';
import { Lion } from './lion.ts';
import { zerosLike, type AllocateState, type Floats, type Optimizer } from './optimizer.ts';
import { Sgd } from './sgd.ts';

/** The names of all optimizers. */
export const optimizerNames = ['adamw', 'sgd', 'lion'] as const;
export type OptimizerName = (typeof optimizerNames)[number];

/** The settings of all optimizers. Each reads its own. Omitted settings have the optimizer's default. */
export interface OptimizerSettings {
  readonly momentum?: number | undefined;
  readonly nesterov?: boolean | undefined;
  readonly beta1?: number | undefined;
  readonly beta2?: number | undefined;
  readonly epsilon?: number | undefined;
}

/** The settings that an optimizer reads. Any other setting given with it is an error. */
export const optimizerReads = {
  adamw: ['beta1', 'beta2', 'epsilon'],
  sgd: ['momentum', 'nesterov'],
  lion: ['beta1', 'beta2'],
} as const satisfies Record<OptimizerName, readonly (keyof OptimizerSettings)[]>;

/** Creates the optimizer of this name, with new state for these parameters. */
export function createOptimizer(
  name: OptimizerName,
  like: Floats,
  settings: OptimizerSettings = {},
  allocate: AllocateState = zerosLike,
): Optimizer {
  const { momentum, nesterov, beta1, beta2, epsilon } = settings;
  switch (name) {
    case 'adamw':
      return new AdamW(like, definedOnly({ beta1, beta2, epsilon }), allocate);
    case 'sgd':
      return new Sgd(like, definedOnly({ momentum, nesterov }), allocate);
    case 'lion':
      return new Lion(like, definedOnly({ beta1, beta2 }), allocate);
  }
}
