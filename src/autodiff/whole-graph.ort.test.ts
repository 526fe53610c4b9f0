import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../core/index.ts';
import { encodeModel, runPasses, verifyModel, type Pass } from '../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../onnxruntime/index.ts';
import { tensorOf, typedArray, type TensorData } from '../tensor/index.ts';
import { differentiate } from './differentiate.ts';
import { gradientPasses } from './passes/index.ts';
import { smallTransformer } from './testing/small-transformer.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

/** WHY: one of ONNX Runtime's extended optimizations makes a QuickGelu of Sigmoid and Mul, for which it has no f64 kernel. */
const options = { optimization: 'basic' } as const;

type Arrays = Readonly<Record<string, readonly number[]>>;

/** Gradients of a small transformer by the parameters that are chosen. */
async function gradientsOf(wanted: (name: string) => boolean, passes: readonly Pass[] = []): Promise<Arrays> {
  const { model, loss, parameters, feeds } = smallTransformer();
  const chosen = parameters.filter(({ name }) => wanted(name));
  const gradients = [...differentiate(model, { loss, parameters: chosen })].map(([parameter, gradient]) => {
    model.graph.rename(gradient, `d ${parameter.name}`);
    model.graph.addOutput(gradient);
    return parameter.name;
  });
  runPasses(model, passes);
  verifyModel(model);
  using session = await environment.createSession(encodeModel(model), options);
  const results = await runOnce(session, feeds);
  return Object.fromEntries(gradients.map((name) => [name, numbers(results[`d ${name}`])]));
}

/** The slope of the loss along a direction, by the central difference. */
async function slopeAlong(direction: Arrays, step = 1e-5): Promise<number> {
  const { model, loss, feeds } = smallTransformer();
  model.graph.addOutput(loss);
  using session = await environment.createSession(encodeModel(model), options);
  const lossAt = async (distance: number): Promise<number> => {
    const moved = Object.entries(direction).map(([name, by]) => [name, movedBy(feeds[name], by, distance)] as const);
    const results = await runOnce(session, { ...feeds, ...Object.fromEntries(moved) });
    return numbers(results[loss.name])[0] ?? NaN;
  };
  return ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
}

function movedBy(tensor: TensorData | undefined, by: readonly number[], distance: number): TensorData {
  const values = numbers(tensor).map((value, i) => value + distance * (by[i] ?? 0));
  return tensorOf('float64', tensor?.shape ?? [], values);
}

function randomDirection(like: Arrays, seed: number): Arrays {
  const entries = Object.entries(like).map(([name, values]) => {
    const random = createRandom(seed, name);
    return [name, values.map(() => random.normal())] as const;
  });
  return Object.fromEntries(entries);
}

function dot(a: Arrays, b: Arrays): number {
  const products = Object.entries(a).flatMap(([name, values]) =>
    values.map((value, i) => value * (b[name]?.[i] ?? NaN)),
  );
  return products.reduce((sum, product) => sum + product, 0);
}

function numbers(tensor: TensorData | undefined): number[] {
  return tensor ? Array.from<number | bigint, number>(typedArray(tensor), Number) : [];
}

const isAdapter = (name: string): boolean => /\.[AB]$/.test(name);

describe('the gradient of a small transformer', () => {
  it.each([1, 2, 3])('gives the slope of the loss along random direction %i', async (seed) => {
    const gradients = await gradientsOf(() => true);
    expect(Object.keys(gradients)).toHaveLength(25);
    const direction = randomDirection(gradients, seed);
    const [slope, expected] = [dot(gradients, direction), await slopeAlong(direction)];
    expect(Math.abs(slope - expected) / Math.abs(expected)).toBeLessThan(1e-6);
  });

  it.each([
    ['only adapters are trained', [] as readonly Pass[]],
    ['only adapters are trained, after the passes', gradientPasses],
  ])('is the same where %s', async (_, passes) => {
    const [all, adapters] = [await gradientsOf(() => true), await gradientsOf(isAdapter, passes)];
    expect(Object.keys(adapters)).toHaveLength(14);
    for (const [name, values] of Object.entries(adapters)) {
      const differences = values.map((value, i) => Math.abs(value - (all[name]?.[i] ?? NaN)));
      expect(Math.max(...differences)).toBeLessThan(1e-12);
    }
  });

  it('reaches every row of an embedding that is the head too', async () => {
    const { embedding = [] } = await gradientsOf((name) => name === 'embedding');
    expect(embedding.filter((value) => value === 0)).toEqual([]);
  });
});
