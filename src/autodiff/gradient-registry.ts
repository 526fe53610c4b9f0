import type { GradientRule } from './gradient-rule.ts';

/** Gradient rules by operator. A later rule for the same operator takes the place of an earlier one. */
export class GradientRegistry {
  readonly #rules = new Map<string, GradientRule>();

  constructor(rules: Iterable<GradientRule>) {
    for (const rule of rules) this.#rules.set(keyOf(rule), rule);
  }

  find(operator: { readonly domain: string; readonly opType: string }): GradientRule | undefined {
    return this.#rules.get(keyOf(operator));
  }
}

function keyOf({ domain, opType }: { readonly domain: string; readonly opType: string }): string {
  // WHY: 'ai.onnx' is the long name of the default domain.
  return `${domain === 'ai.onnx' ? '' : domain}:${opType}`;
}
