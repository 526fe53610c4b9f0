import type { Scope } from '../../core/index.ts';

export { createScope, everyName, type Scope } from '../../core/index.ts';

/** An adapter of a model under `/v2`. */
export interface ModelAdapter {
  readonly model: string;
  readonly adapter: string;
  /** Whether the model is the base, whose adapters have names of their own. */
  readonly isBase: boolean;
}

/** Whether a scope has an adapter of a model: as `model:adapter`, and if the model is the base also as `adapter`. */
export function seesAdapter(scope: Scope, { model, adapter, isBase }: ModelAdapter): boolean {
  return scope.sees(`${model}:${adapter}`) || (isBase && scope.sees(adapter));
}
