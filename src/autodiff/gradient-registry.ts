import type { GradientRule } from './gradient-rule.ts';
import type { Lowering } from './lowering/lowering.ts';

interface Operator {
  readonly domain?: string;
  readonly opType: string;
}

/**
 * Gradient rules by operator, and lowerings of operators that are differentiated as several smaller ones. If an operator has several
 * rules, the last one is used.
 */
export class GradientRegistry {
  readonly #rules = new Map<string, GradientRule>();
  readonly #lowerings = new Map<string, Lowering>();

  constructor(rules: Iterable<GradientRule>, lowerings: Iterable<Lowering> = []) {
    for (const rule of rules) this.#rules.set(keyOf(rule), rule);
    for (const lowering of lowerings) this.#lowerings.set(keyOf(lowering), lowering);
  }

  find(operator: Operator): GradientRule | undefined {
    return this.#rules.get(keyOf(operator));
  }

  findLowering(operator: Operator): Lowering | undefined {
    return this.#lowerings.get(keyOf(operator));
  }
}

function keyOf({ domain = '', opType }: Operator): string {
  // WHY: 'ai.onnx' is an alias of the default domain ''.
  return `${domain === 'ai.onnx' ? '' : domain}:${opType}`;
}
