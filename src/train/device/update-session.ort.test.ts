import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NativeMemory } from '../../native/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { createOptimizer, type OptimizerName, type OptimizerSettings } from '../optimizer/create-optimizer.ts';
import { optimizerStep, type ParameterGroup } from '../optimizer/optimizer.ts';
import { readFlat, writeFlat } from './flat-memory.ts';
import { UpdateSession } from './update-session.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
});

const allocate = async (byteLength: number): Promise<NativeMemory> => NativeMemory.allocate(byteLength);
const length = 112;
const one: readonly ParameterGroup[] = [{ start: 0, end: 100, weightDecay: 0.1, rate: 2 }];
/** With a parameter that is in none, and a rate that differs. */
const several: readonly ParameterGroup[] = [
  { start: 0, end: 30, weightDecay: 0.1 },
  { start: 32, end: 48, weightDecay: 0, rate: 16 },
  { start: 64, end: 100, weightDecay: 0.3, rate: 0.5 },
];

const cases: readonly [OptimizerName, OptimizerSettings, string, readonly ParameterGroup[]][] = (
  [
    ['adamw', {}],
    ['adamw', { beta1: 0.8, beta2: 0.95, epsilon: 1e-3 }],
    ['lion', {}],
    ['lion', { beta1: 0.5, beta2: 0.6 }],
    ['sgd', {}],
    ['sgd', { momentum: 0.9 }],
    ['sgd', { momentum: 0.9, nesterov: true }],
  ] as const
).flatMap(([name, settings]) => [
  [name, settings, 'one group', one],
  [name, settings, 'groups', several],
]);

/** Numbers that are the same in each run, from -1 to 1. */
const wave = (seed: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(12.9898 * i + seed));

describe('an update as a graph', () => {
  it.each(cases)('of %s %o over %s is that of the optimizer', async (name, settings, _, groups) => {
    const isTrained = (i: number): boolean => groups.some(({ start, end }) => i >= start && i < end);
    const expected = wave(1).map((value, i) => (i < 100 ? value : 0));
    const optimizer = createOptimizer(name, expected, settings);
    const form = { optimizer: name, settings, length };
    using session = await UpdateSession.open(Object.keys(optimizer.state), { environment, allocate, form, groups });
    await writeFlat(session.parameters.now, expected);
    using memory = NativeMemory.allocate(4 * length);
    const actual = new Float32Array(length);
    for (let step = 1; step <= 10; step++) {
      const gradients = wave(step + 1).map((value, i) => (isTrained(i) ? 40 * value : 0));
      memory.float32().set(gradients);
      const now = { learningRate: 1e-2 / step, gradientScale: 1 / 40 };
      await optimizerStep(optimizer, { parameters: expected, gradients, groups }, now);
      const { largest } = await session.run(memory, step, now);
      await readFlat(session.parameters.now, actual);
      expect(largest).toBe(actual.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
      if (step > 1 && step < 10) continue;
      expect(difference(actual, expected)).toBeLessThan(1e-6);
      const moments = Object.fromEntries(Object.keys(optimizer.state).map((key) => [key, new Float32Array(length)]));
      await session.readMoments(moments);
      for (const [key, values] of Object.entries(moments))
        expect(difference(values, optimizer.state[key] ?? [])).toBeLessThan(1e-6);
    }
  });

  it('says what is not a number', async () => {
    const form = { optimizer: 'sgd', settings: {}, length } as const;
    using session = await UpdateSession.open([], { environment, allocate, form, groups: one });
    using memory = NativeMemory.allocate(4 * length);
    memory.float32()[7] = NaN;
    expect((await session.run(memory, 1, { learningRate: 1, gradientScale: 1 })).largest).toBeNaN();
  });
});

/** The largest difference, relative to numbers above 1. */
function difference(actual: Float32Array, expected: ArrayLike<number>): number {
  return actual.reduce((most, value, i) => {
    const should = expected[i] ?? NaN;
    const error = Math.abs(value - should) / Math.max(1, Math.abs(should));
    return error <= most ? most : error;
  }, 0);
}
