import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import {
  centralDifferences,
  farthestFrom,
  gradientsOf,
  numbers,
  type Numbers,
} from '../testing/central-differences.ts';
import { mixtureOf, type MixtureOptions } from '../decoder/families/mixtures.ts';
import type { WeightRef } from '../weight-ref.ts';
import { GraphBuilder } from './graph-builder.ts';
import { feedForward, feedForwardWeights, layersBefore, type Expert, type MixtureLayer } from './mixture.ts';
import type { RouterLayer } from './routing.ts';

let environment: Environment;
let baseDir: string;
beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  baseDir = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterAll(async () => {
  environment.dispose();
  await rm(baseDir, { recursive: true });
});

const [tokens, hidden, inner, experts] = [5, 6, 4, 6];
const plain = { path: 'mlp', hiddenSize: hidden, inner, activation: 'silu', experts, perToken: 2 } as const;

const shared: NonNullable<MixtureLayer['shared']> = {
  mlp: {
    path: 'mlp.shared',
    kind: 'gated',
    activation: 'silu',
    gate: { path: 'mlp.shared.gate', in: hidden, out: inner, bias: false },
    up: { path: 'mlp.shared.up', in: hidden, out: inner, bias: false },
    down: { path: 'mlp.shared.down', in: inner, out: hidden, bias: false },
  },
  gate: { path: 'mlp.shared_gate', in: hidden, out: 1, bias: false },
};

const correction = 'mlp.gate.e_score_correction_bias';
const sigmoids = { scoring: 'sigmoid', corrects: true, scale: 1.3 } as const;

/** A mixture of DeepSeek. */
function grouped(routing: MixtureOptions['routing'], normalizes: boolean): MixtureLayer {
  return mixtureOf({ ...plain, normalizes, ...(routing && { routing }), shared: { mlp: shared.mlp } });
}

/** Experts of gpt-oss, with a limit that many of the numbers exceed. */
function clamped(): MixtureLayer {
  const layer = { bias: true, transposed: true };
  return {
    ...mixtureOf({ ...plain, normalizes: true, routing: { bias: true } }),
    activation: 'quick-gelu',
    limit: 0.5,
    experts: Array.from({ length: experts }, (_, i) => ({
      gateUp: { path: `mlp.experts.${i}.gate_up`, in: hidden, out: 2 * inner, ...layer },
      down: { path: `mlp.experts.${i}.down`, in: inner, out: hidden, ...layer },
    })),
  };
}

it.each<[string, MixtureLayer]>([
  ['weights that sum up to 1', mixtureOf({ ...plain, normalizes: true })],
  ['weights as they are, and a shared part with a gate', mixtureOf({ ...plain, normalizes: false, shared })],
  ['the clamped unit', clamped()],
  ['a softmax in groups', grouped({ groups: { count: 3, kept: 2, best: 1 }, scale: 1.7 }, false)],
  ['sigmoids with a correction in groups', grouped({ ...sigmoids, groups: { count: 3, kept: 2, best: 2 } }, true)],
  ['sigmoids with a correction, as they are', grouped(sigmoids, false)],
])('a mixture has the gradients of central differences in f64: %s', async (_, layer) => {
  const shapes = feedForwardWeights(layer);
  const feeds = new Map(shapes.map(([name, shape], seed) => [name, numbers(shape, { seed, size: 1 })]));
  feeds.set('x', numbers([tokens, hidden], { seed: 71, size: 1 }));
  feeds.set('pull', numbers([tokens, hidden], { seed: 72, size: 1 }));
  await writeFile(join(baseDir, 'correction'), Float32Array.from(feeds.get(correction)?.values ?? []));
  const { model, loss } = graphOf(layer, shapes);
  const isRouter = (name: string): boolean => name.startsWith(layer.router.path);
  const names = [...feeds.keys()].filter((name) => name !== 'pull' && !isRouter(name));
  const found = await gradientsOf({ environment, baseDir, model, loss, feeds }, names);
  const of = reader(feeds);
  expect(found.loss).toBeCloseTo(pulled(layer, of), 4);
  let used = 0;
  for (const name of names) {
    const expected = centralDifferences(() => pulled(layer, of), of(name));
    // An expert that no token chose has no gradient.
    if (expected.some((slope) => slope !== 0)) used++;
    expect([name, farthestFrom(expected, found.gradients.get(name)) < 2e-5]).toEqual([name, true]);
  }
  expect(used).toBeGreaterThan(names.length / 3);
});

function graphOf(
  layer: MixtureLayer,
  shapes: readonly [string, number[]][],
): Pick<Parameters<typeof gradientsOf>[0], 'model' | 'loss'> {
  // Only the correction is read from a file, because it is never trained.
  const place = { location: 'correction', offset: 0, length: 4 * experts, dtype: 'float32' } as const;
  const weights = new Map(shapes.map(([name, shape]): [string, WeightRef] => [name, { name, shape, ...place }]));
  const builder = new GraphBuilder({ graphName: 'mixture', weights, source: 'inputs' });
  const [x, pull] = ['x', 'pull'].map((name) => builder.graph.addInput(name, 'float32', [tokens, hidden]));
  if (x === undefined || pull === undefined) throw new TypeError('two inputs were added');
  const tape = builder.tape('loss');
  const loss = tape.op('ReduceSum', [tape.op('Mul', [feedForward(builder, x, layer), pull])], {
    attributes: { keepdims: 0 },
  });
  builder.graph.addOutput(loss);
  return { model: builder.model, loss };
}

type Read = (name: string) => Numbers;

function reader(feeds: ReadonlyMap<string, Numbers>): Read {
  return (name) => {
    const found = feeds.get(name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  };
}

/** Σ pull ∘ mixture(x), token by token in f64. */
function pulled(layer: MixtureLayer, of: Read): number {
  let sum = 0;
  for (let token = 0; token < tokens; token++) {
    const x = [...of('x').values.subarray(token * hidden, (token + 1) * hidden)];
    const y = mixed(layer, x, of);
    y.forEach((value, i) => (sum += value * (of('pull').values[token * hidden + i] ?? NaN)));
  }
  return sum;
}

function mixed(layer: MixtureLayer, x: readonly number[], of: Read): number[] {
  const y = Array.from({ length: hidden }, () => 0);
  for (const [index, weight] of routes(layer, x, of)) {
    const expert = layer.experts[index];
    if (expert === undefined) throw new TypeError('the router chose an expert that is none');
    apply(expert, layer, x, of).forEach((value, i) => (y[i] = (y[i] ?? NaN) + weight * value));
  }
  if (layer.shared?.mlp.kind !== 'gated') return y;
  const { mlp, gate } = layer.shared;
  const factor = gate ? sigmoid(times(of, gate, x)[0] ?? NaN) : 1;
  const own = apply(mlp, { activation: 'silu' }, x, of);
  return y.map((value, i) => value + factor * (own[i] ?? NaN));
}

/** The experts of a token and their weights. */
function routes({ router }: MixtureLayer, x: readonly number[], of: Read): [index: number, weight: number][] {
  const { path, bias = false, perToken, scoring, corrects, groups, scale = 1, normalizes } = router;
  const scores = times(of, { path, bias }, x);
  const all = scoring === 'sigmoid' ? scores.map(sigmoid) : softmax(scores);
  const corrected = all.map((value, i) => value + (corrects ? (of(correction).values[i] ?? NaN) : 0));
  const open = groups ? openOf(corrected, groups) : corrected.map((_, i) => i);
  const chosen = open.sort((a, b) => (corrected[b] ?? NaN) - (corrected[a] ?? NaN)).slice(0, perToken);
  const sum = chosen.reduce((total, i) => total + (all[i] ?? NaN), 0);
  return chosen.map((i) => [i, (scale * (all[i] ?? NaN)) / (normalizes ? sum : 1)]);
}

/** The experts in the best groups. */
function openOf(scores: readonly number[], { count, kept, best }: NonNullable<RouterLayer['groups']>): number[] {
  const size = scores.length / count;
  const parts = Array.from({ length: count }, (_, group) => scores.slice(group * size, (group + 1) * size));
  const scoreOf = (part: readonly number[]): number =>
    [...part]
      .sort((a, b) => b - a)
      .slice(0, best)
      .reduce((sum, value) => sum + value, 0);
  const order = parts.map((part, group) => [scoreOf(part), group] as const).sort(([a], [b]) => b - a);
  return order.slice(0, kept).flatMap(([, group]) => Array.from({ length: size }, (_, i) => group * size + i));
}

function apply(
  expert: Expert,
  unit: Pick<MixtureLayer, 'activation' | 'limit'>,
  x: readonly number[],
  of: Read,
): number[] {
  const before = layersBefore(expert).flatMap((layer) => times(of, layer, x));
  const isPaired = 'gateUp' in expert;
  const between = Array.from({ length: inner }, (_, i) => {
    const gate = before[isPaired ? 2 * i : i] ?? NaN;
    const up = before[isPaired ? 2 * i + 1 : inner + i] ?? NaN;
    if (unit.limit === undefined) return gate * sigmoid(gate) * up;
    const least = Math.min(gate, unit.limit);
    return least * sigmoid(1.702 * least) * (Math.max(-unit.limit, Math.min(up, unit.limit)) + 1);
  });
  return times(of, expert.down, between);
}

interface Matrix {
  readonly path: string;
  readonly bias: boolean;
  readonly transposed?: boolean;
}

function times(of: Read, { path, bias, transposed = false }: Matrix, x: readonly number[]): number[] {
  const { shape, values } = of(`${path}.weight`);
  const out = shape[transposed ? 1 : 0] ?? 0;
  return Array.from({ length: out }, (_, o) =>
    x.reduce(
      (sum, value, i) => sum + value * (values[transposed ? i * out + o : o * x.length + i] ?? NaN),
      bias ? (of(`${path}.bias`).values[o] ?? NaN) : 0,
    ),
  );
}

function softmax(scores: readonly number[]): number[] {
  const sum = scores.reduce((total, score) => total + Math.exp(score), 0);
  return scores.map((score) => Math.exp(score) / sum);
}

function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}
