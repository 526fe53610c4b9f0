import { describe, expect, it } from 'vitest';
import { AdamW } from './adamw.ts';
import { optimizerStep, type Floats } from './optimizer.ts';

// f = Σ ½·a·(w − t)², whose gradient is a·(w − t). The expected values are PyTorch's `AdamW` in f64.
const [curvature, target, start] = [
  [1, 0.1, 10],
  [1, 2, -3],
  [0.5, -1, 2],
];
const expected = [0.9690609019724199, -0.4978061548252868, 1.4920220513692526];

async function descend(parameters: Floats, gradientScale = 1): Promise<Floats> {
  const gradients = parameters.slice();
  const optimizer = new AdamW(parameters);
  const groups = [{ start: 0, end: parameters.length, weightDecay: 0.01 }];
  for (let step = 0; step < 5; step++) {
    for (let i = 0; i < 3; i++) {
      gradients[i] = ((curvature[i] ?? 0) * ((parameters[i] ?? 0) - (target[i] ?? 0))) / gradientScale;
    }
    await optimizerStep(optimizer, { parameters, gradients, groups }, { learningRate: 0.1, gradientScale });
  }
  return parameters;
}

const largestError = (values: Floats): number =>
  Math.max(...expected.map((value, i) => Math.abs(value - (values[i] ?? NaN))));

describe('AdamW', () => {
  it('agrees with PyTorch over five steps to 1e-12 in f64', async () => {
    expect(largestError(await descend(Float64Array.from(start)))).toBeLessThan(1e-12);
  });

  it('agrees with PyTorch over five steps to 1e-6 in f32', async () => {
    expect(largestError(await descend(Float32Array.from(start)))).toBeLessThan(1e-6);
  });

  it('scales every gradient before it is used', async () => {
    expect(largestError(await descend(Float64Array.from(start), 1 / 64))).toBeLessThan(1e-12);
  });

  it('decays weights only where their group says so', async () => {
    const parameters = new Float64Array([1, 1]);
    const groups = [
      { start: 0, end: 1, weightDecay: 0.5 },
      { start: 1, end: 2, weightDecay: 0 },
    ];
    const gradients = new Float64Array(2);
    const optimizer = new AdamW(parameters);
    await optimizerStep(optimizer, { parameters, gradients, groups }, { learningRate: 0.1, gradientScale: 1 });
    expect([...parameters]).toEqual([0.95, 1]);
  });

  it('updates every element of an array much longer than one slice', async () => {
    const parameters = new Float32Array(100_001);
    const gradients = parameters.slice().fill(1);
    const groups = [{ start: 0, end: parameters.length, weightDecay: 0 }];
    await optimizerStep(
      new AdamW(parameters),
      { parameters, gradients, groups },
      { learningRate: 0.1, gradientScale: 1 },
    );
    expect(parameters.every((value) => Math.abs(value + 0.1) < 1e-6)).toBe(true);
  });
});
