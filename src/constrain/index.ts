export { Constraint } from './constraint.ts';
export { Constraints } from './constraints.ts';
export type { ConstraintSpec } from './constraint-spec.ts';
export type { ConstrainedLogits, ConstrainedLogitsOptions } from './constrained-logits.ts';
