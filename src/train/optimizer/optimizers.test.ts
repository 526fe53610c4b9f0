import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AdamW } from './adamw.ts';
import { createOptimizer, type OptimizerName } from './create-optimizer.ts';
import { Lion } from './lion.ts';
import { optimizerStep, type Floats, type Optimizer } from './optimizer.ts';
import { Sgd } from './sgd.ts';

// f = Σ ½·a·(w − t)², whose gradient is a·(w − t).
const [curvature, target, start] = [
  [1, 0.1, 10],
  [1, 2, -3],
  [0.5, -1, 2],
];

interface Case {
  readonly name: string;
  readonly create: (like: Floats) => Optimizer;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** PyTorch's `AdamW` and `SGD` in f64; of Lion, the formulas of the paper in f64. */
  readonly expected: readonly number[];
  /** What 1 is after one step without a gradient, at lr 0.1 and decay 0.5; 1 − lr·decay unless the decay has momentum too. */
  readonly decayed?: number;
}

const cases: readonly Case[] = [
  {
    name: 'AdamW',
    create: (like) => new AdamW(like),
    learningRate: 0.1,
    weightDecay: 0.01,
    expected: [0.9690609019724199, -0.4978061548252868, 1.4920220513692526],
  },
  {
    name: 'SGD with Nesterov momentum',
    create: (like) => new Sgd(like, { momentum: 0.9, nesterov: true }),
    learningRate: 0.01,
    weightDecay: 0.01,
    expected: [0.5799390384917893, -0.9480611856320773, -3.5227180404268656],
    decayed: 0.905,
  },
  {
    name: 'SGD with momentum',
    create: (like) => new Sgd(like, { momentum: 0.9 }),
    learningRate: 0.01,
    weightDecay: 0.01,
    expected: [0.5635260632257663, -0.9593589242448198, -3.146551513182179],
  },
  {
    name: 'SGD',
    create: (like) => new Sgd(like),
    learningRate: 0.01,
    weightDecay: 0.01,
    expected: [0.5242550740465601, -0.984534062510626, -0.047961599894819136],
  },
  {
    name: 'Lion',
    create: (like) => new Lion(like),
    learningRate: 0.01,
    weightDecay: 0.1,
    expected: [0.5474050949525094, -0.9451098900549889, 1.9401198800599877],
  },
];

async function descend(testCase: Case, parameters: Floats, gradientScale = 1): Promise<Floats> {
  const { create, learningRate, weightDecay } = testCase;
  const gradients = parameters.slice();
  const optimizer = create(parameters);
  const groups = [{ start: 0, end: parameters.length, weightDecay }];
  for (let step = 0; step < 5; step++) {
    for (let i = 0; i < 3; i++) {
      gradients[i] = ((curvature[i] ?? 0) * ((parameters[i] ?? 0) - (target[i] ?? 0))) / gradientScale;
    }
    await optimizerStep(optimizer, { parameters, gradients, groups }, { learningRate, gradientScale });
  }
  return parameters;
}

describe.each(cases)('$name', (testCase) => {
  const largestError = (values: Floats): number =>
    Math.max(...testCase.expected.map((value, i) => Math.abs(value - (values[i] ?? NaN))));

  it('agrees with the reference over five steps to 1e-12 in f64', async () => {
    expect(largestError(await descend(testCase, Float64Array.from(start)))).toBeLessThan(1e-12);
  });

  it('agrees with the reference over five steps to 1e-6 in f32', async () => {
    expect(largestError(await descend(testCase, Float32Array.from(start)))).toBeLessThan(1e-6);
  });

  it('scales every gradient before it is used', async () => {
    expect(largestError(await descend(testCase, Float64Array.from(start), 1 / 64))).toBeLessThan(1e-12);
  });

  it('decays weights only where their group says so', async () => {
    const parameters = new Float64Array([1, 1]);
    const groups = [
      { start: 0, end: 1, weightDecay: 0.5 },
      { start: 1, end: 2, weightDecay: 0 },
    ];
    const arrays = { parameters, gradients: new Float64Array(2), groups };
    await optimizerStep(testCase.create(parameters), arrays, { learningRate: 0.1, gradientScale: 1 });
    expect([...parameters]).toEqual([testCase.decayed ?? 0.95, 1]);
  });

  it('updates every element of an array much longer than one slice', async () => {
    const parameters = new Float32Array(100_001);
    const gradients = parameters.slice().fill(1);
    const groups = [{ start: 0, end: parameters.length, weightDecay: 0 }];
    const settings = { learningRate: 0.1, gradientScale: 1 };
    await optimizerStep(testCase.create(parameters), { parameters, gradients, groups }, settings);
    const [first = NaN] = parameters;
    expect(first).toBeLessThan(-0.09);
    expect(parameters.every((value) => value === first)).toBe(true);
  });

  it('counts its steps, and has state as long as the parameters', async () => {
    const parameters = new Float32Array(3);
    const optimizer = testCase.create(parameters);
    optimizer.begin({ learningRate: 0.1, gradientScale: 1 });
    expect(optimizer.steps).toBe(1);
    for (const values of Object.values(optimizer.state)) expect(values).toHaveLength(3);
  });
});

interface GoldenOptimizer {
  readonly name: OptimizerName;
  readonly settings: {
    readonly lr: number;
    readonly weight_decay?: number;
    readonly betas?: readonly [number, number];
    readonly eps?: number;
    readonly momentum?: number;
    readonly nesterov?: boolean;
    /** How many times faster the third and later weights learn. */
    readonly ratio?: number;
  };
  /** The weights after 1 and 10 steps. */
  readonly float64: Readonly<Record<string, readonly number[]>>;
}

const golden = JSON.parse(
  readFileSync(new URL('../../../test/golden/optimizers/expected.json', import.meta.url), 'utf8'),
) as {
  readonly curvature: readonly number[];
  readonly target: readonly number[];
  readonly start: readonly number[];
  readonly cases: readonly GoldenOptimizer[];
};

interface Descent {
  readonly parameters: Floats;
  readonly steps: number;
  readonly state?: 'float64';
}

async function descendGolden(
  { name, settings }: GoldenOptimizer,
  { parameters, steps, state }: Descent,
): Promise<void> {
  const { lr, weight_decay: weightDecay = 0, betas, eps: epsilon, momentum, nesterov, ratio = 1 } = settings;
  const [beta1, beta2] = betas ?? [];
  const own = { beta1, beta2, epsilon, momentum, nesterov };
  const allocate = state === undefined ? undefined : ({ length }: Floats) => new Float64Array(length);
  const optimizer = createOptimizer(name, parameters, own, allocate);
  const { length } = parameters;
  const groups = [
    { start: 0, end: 2, weightDecay },
    { start: 2, end: length, weightDecay, rate: ratio },
  ];
  const gradients = parameters.slice();
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < length; i++) {
      gradients[i] = (golden.curvature[i] ?? 0) * ((parameters[i] ?? 0) - (golden.target[i] ?? 0));
    }
    await optimizerStep(optimizer, { parameters, gradients, groups }, { learningRate: lr, gradientScale: 1 });
  }
}

/** Relative to values above 1, absolute below. */
function largestOff(values: Floats, expected: readonly number[] = []): number {
  return Math.max(...expected.map((value, i) => Math.abs(value - (values[i] ?? NaN)) / Math.max(1, Math.abs(value))));
}

describe.each(golden.cases.map((each) => [`${each.name} ${JSON.stringify(each.settings)}`, each] as const))(
  'golden %s',
  (_, each) => {
    it.each([1, 10])('agrees after %d steps to 1e-12 in f64 and to 1e-6 in f32', async (steps) => {
      const exact = Float64Array.from(golden.start);
      await descendGolden(each, { parameters: exact, steps });
      expect(largestOff(exact, each.float64[steps])).toBeLessThan(1e-12);
      const single = Float32Array.from(golden.start);
      await descendGolden(each, { parameters: single, steps });
      expect(largestOff(single, each.float64[steps])).toBeLessThan(1e-6);
      const withState = Float32Array.from(golden.start);
      await descendGolden(each, { parameters: withState, steps, state: 'float64' });
      expect(largestOff(withState, each.float64[steps])).toBeLessThan(1e-6);
    });
  },
);
