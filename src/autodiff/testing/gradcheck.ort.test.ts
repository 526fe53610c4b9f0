import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { scale } from '../emit.ts';
import { GradientRegistry } from '../gradient-registry.ts';
import { gradientRule } from '../gradient-rule.ts';
import { standardRules } from '../rules/index.ts';
import { gradcheck } from './gradcheck.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

/** A wrong rule: dA is off by `factor`, dB is right. */
function wrongBy(factor: number): GradientRegistry {
  const rule = gradientRule({
    opType: 'Add',
    inputs: ['A', 'B'],
    outputs: ['C'],
    backward: ({ tape, gradients: { C: dC } }) => ({ A: () => scale(tape, dC, factor), B: () => dC }),
  });
  return new GradientRegistry([...standardRules, rule]);
}

describe('gradcheck', () => {
  const testCase = { op: 'Add', inputs: { A: [2, 3], B: [3] } };

  it('refuses a gradient that is half a percent off, and names it', async () => {
    const check = gradcheck(environment, testCase, { registry: wrongBy(1.005) });
    await expect(check).rejects.toThrow(/gradient of A .*element \d/);
  });

  it('passes a gradient that is off by less than the tolerance', async () => {
    const { maxRelative } = await gradcheck(environment, testCase, { registry: wrongBy(1.0001) });
    expect(maxRelative).toBeGreaterThan(0);
  });

  it('differentiates each set of inputs on its own', async () => {
    const { compared, maxAbsolute } = await gradcheck(environment, testCase);
    expect(compared).toBe(4);
    expect(maxAbsolute).toBeLessThan(1e-8);
  });
});
