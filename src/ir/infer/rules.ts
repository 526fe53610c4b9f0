import { elementwiseRules } from './elementwise.ts';
import type { InferRule } from './infer-rule.ts';
import { linearRules } from './linear.ts';

/** Every rule of shape inference, by operator. */
export const inferRules: ReadonlyMap<string, InferRule> = new Map(
  Object.entries({ ...elementwiseRules, ...linearRules }),
);
