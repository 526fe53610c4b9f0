import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, encodeModel, Tape, type Model } from '../../ir/index.ts';
import { liveHandles } from '../../native/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../../tensor/index.ts';
import { addSharedDropout, dropout, dropoutKeys } from './dropout.ts';
import { injectLora } from './inject-lora.ts';
import { injectStackedLora } from './inject-stacked-lora.ts';
import { randomTensor, sizes, smallModel } from '../testing/small-model.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

const names = ['a', 'b', 'c'] as const;
const paths = names.map((name) => `net.${name}`);

/** Runs a model once and gives the rows of its output. */
async function outputOf(model: Model, feeds: Record<string, TensorData>): Promise<number[]> {
  using session = await environment.createSession(encodeModel(model));
  const [output] = Object.values(await runOnce(session, feeds));
  return output ? [...toFloat32(output)] : [];
}

interface TestAdapter {
  readonly rank: number;
  readonly scaling: number;
  readonly name: string;
}

/** One adapter's inputs, in PEFT's layout. */
function weightsOf({ rank, name }: TestAdapter): Record<string, TensorData> {
  return Object.fromEntries(
    names.flatMap((module) => [
      [`net.${module}.lora_A`, randomTensor([rank, sizes[module].in], `${name}/${module}/A`)],
      [`net.${module}.lora_B`, randomTensor([sizes[module].out, rank], `${name}/${module}/B`)],
    ]),
  );
}

function injected(adapter: TestAdapter, options: { axes?: 2 | 3; dropout?: number; dropoutSeed?: number } = {}): Model {
  const { axes = 2, dropout = 0, dropoutSeed = 0 } = options;
  const model = smallModel({ axes });
  const { rank, scaling } = adapter;
  injectLora(model, { modules: paths.map((path) => ({ path, rank, scaling, dropout })), dropoutSeed });
  return model;
}

const adapter: TestAdapter = { rank: 2, scaling: 0.5, name: 'one' };

/** The largest difference, relative to the largest expected value; NaN where the counts differ. */
function relativeError(actual: readonly number[], expected: readonly number[]): number {
  const size = Math.max(1, ...expected.map(Math.abs));
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] ?? NaN))));
  return actual.length === expected.length ? worst / size : NaN;
}

/** Of f32 sums of a few terms. */
const tolerance = 1e-5;

function dot(length: number, term: (i: number) => number): number {
  return Array.from({ length }, (_, i) => term(i)).reduce((sum, value) => sum + value, 0);
}

function ratio(value: number): TensorData {
  return tensorOf('float32', [], [value]);
}

describe('an injected adapter', () => {
  it('gives x·Wᵀ + scaling · (x·Aᵀ)·Bᵀ on a single layer', async () => {
    const model = smallModel();
    injectLora(model, { modules: [{ path: 'net.c', rank: 2, scaling: 0.5 }] });
    const { graph } = model;
    const x = randomTensor([6, 3], 'x');
    const a = randomTensor([2, 4], 'A');
    const b = randomTensor([2, 2], 'B');
    const inner = graph.nodes.find(({ metadata }) => metadata.get('espalier.module') === 'net.c')?.inputs[0];
    if (inner) graph.addOutput(inner);
    using session = await environment.createSession(encodeModel(model));
    const outputs = Object.values(await runOnce(session, { x, 'net.c.lora_A': a, 'net.c.lora_B': b }));
    const [y, h] = outputs.map((tensor) => [...toFloat32(tensor)]);
    const [w, A, B] = [randomTensor([4, 2], 'c'), a, b].map((tensor) => toFloat32(tensor));
    const expected = Array.from({ length: 12 }, (_, index) => {
      const [row, column] = [Math.floor(index / 2), index % 2];
      const input = (i: number): number => h?.[row * 4 + i] ?? NaN;
      const u = [0, 1].map((r) => dot(4, (i) => input(i) * (A?.[r * 4 + i] ?? NaN)));
      const update = dot(2, (r) => (u[r] ?? NaN) * (B?.[column * 2 + r] ?? NaN));
      return dot(4, (i) => input(i) * (w?.[i * 2 + column] ?? NaN)) + 0.5 * update;
    });
    expect(relativeError(y ?? [], expected)).toBeLessThan(tolerance);
  });

  it('changes nothing while B is zero, and something when it is not', async () => {
    const x = randomTensor([4, 3], 'x');
    const weights = weightsOf(adapter);
    const zeros = Object.fromEntries(
      Object.entries(weights).map(([name, { shape }]) => [
        name,
        name.endsWith('B')
          ? tensorOf('float32', shape, new Float32Array(shape.reduce((m, n) => m * n, 1)))
          : weights[name],
      ]),
    ) as Record<string, TensorData>;
    const base = await outputOf(smallModel(), { x });
    expect(await outputOf(injected(adapter), { x, ...zeros })).toEqual(base);
    expect(await outputOf(injected(adapter), { x, ...weights })).not.toEqual(base);
  });

  it('gives the same for inputs of three axes as for their rows in a list', async () => {
    const flat = randomTensor([6, 3], 'x');
    const folded: TensorData = { ...flat, shape: [2, 3, 3] };
    const single: TensorData = { ...flat, shape: [1, 6, 3] };
    const model = injected(adapter, { axes: 3 });
    const weights = weightsOf(adapter);
    const rows = await outputOf(model, { x: single, ...weights });
    expect(relativeError(await outputOf(model, { x: folded, ...weights }), rows)).toBeLessThan(tolerance);
    const base = await outputOf(smallModel({ axes: 3 }), { x: folded });
    expect(rows).not.toEqual(base);
  });
});

const twice = (keys: readonly number[]): TensorData => tensorOf('int32', [2, keys.length], [...keys, ...keys]);

describe('dropout', () => {
  const x = randomTensor([64, 3], 'x');
  const keys = twice(dropoutKeys(64, { seed: 1, stream: 'a pass' }));

  it('keeps everything at ratio 0', async () => {
    const weights = weightsOf(adapter);
    const plain = await outputOf(injected(adapter), { x, ...weights });
    const model = injected(adapter, { dropout: 0.5 });
    expect(
      relativeError(
        await outputOf(model, { x, ...weights, lora_dropout_ratio: ratio(0), lora_dropout_keys: keys }),
        plain,
      ),
    ).toBeLessThan(tolerance);
    expect(
      await outputOf(model, { x, ...weights, lora_dropout_ratio: ratio(0.5), lora_dropout_keys: keys }),
    ).not.toEqual(plain);
  });

  it('draws the same masks from the same seed in a new session, and others from another', async () => {
    const feeds = { x, ...weightsOf(adapter), lora_dropout_ratio: ratio(0.5), lora_dropout_keys: keys };
    const once = await outputOf(injected(adapter, { dropout: 0.5, dropoutSeed: 1 }), feeds);
    expect(await outputOf(injected(adapter, { dropout: 0.5, dropoutSeed: 1 }), feeds)).toEqual(once);
    expect(await outputOf(injected(adapter, { dropout: 0.5, dropoutSeed: 2 }), feeds)).not.toEqual(once);
  });

  it('is a function of its keys: one session gives the same for the same, and something else for others', async () => {
    const model = injected(adapter, { dropout: 0.5 });
    using session = await environment.createSession(encodeModel(model));
    const run = async (seed: number): Promise<number[]> => {
      const drawn = twice(dropoutKeys(64, { seed, stream: 'a pass' }));
      const feeds = { x, ...weightsOf(adapter), lora_dropout_ratio: ratio(0.5), lora_dropout_keys: drawn };
      const [output] = Object.values(await runOnce(session, feeds));
      return output ? [...toFloat32(output)] : [];
    };
    const [first, other, again] = [await run(1), await run(2), await run(1)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('takes the second list of keys where the number of rows is another than that of the keys', async () => {
    const model = injected(adapter, { dropout: 0.5 });
    const [all, some] = [dropoutKeys(64, { seed: 1, stream: 'a pass' }), [3, 60, 7]];
    const chosen = some.map((row) => all[row] ?? NaN);
    const lists = tensorOf('int32', [2, 64], [...all, ...chosen, ...Array.from({ length: 61 }, () => 1)]);
    const drop = { ...weightsOf(adapter), lora_dropout_ratio: ratio(0.5), lora_dropout_keys: lists };
    const part = tensorOf(
      'float32',
      [3, 3],
      some.flatMap((row) => Array.from(toFloat32(x).subarray(3 * row, 3 * row + 3))),
    );
    const [whole, rows] = [await outputOf(model, { x, ...drop }), await outputOf(model, { x: part, ...drop })];
    const width = whole.length / 64;
    expect(rows).toEqual(some.flatMap((row) => whole.slice(row * width, (row + 1) * width)));
  });

  it('drops the share that is asked for, whatever the row, the channel and the two together', async () => {
    const [rows, channels, share] = [512, 96, 0.3];
    const model = createModel();
    const input = model.graph.addInput('x', 'float32', ['rows', channels]);
    const shared = addSharedDropout(model, { adapter: undefined, named: (name) => name });
    const place = { axis: 1, axes: 2, channels, seed: 5, owner: { owner: 'net.a' } };
    model.graph.addOutput(dropout(new Tape(model), input, shared, place));
    const feeds = {
      x: tensorOf(
        'float32',
        [rows, channels],
        Array.from({ length: rows * channels }, () => 1),
      ),
      lora_dropout_ratio: ratio(share),
      lora_dropout_keys: twice(dropoutKeys(rows, { seed: 5, stream: 'dropout/0/0' })),
    };
    const kept = (await outputOf(model, feeds)).map((value) => (value === 0 ? 0 : 1));
    const at = (row: number, channel: number): number => kept[row * channels + channel] ?? NaN;
    const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
    const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
    // Each bound is about five standard deviations of what independent draws would give.
    expect(Math.abs(mean(kept) - (1 - share))).toBeLessThan(0.011);
    for (const row of numbers(rows)) {
      expect(Math.abs(mean(numbers(channels).map((channel) => at(row, channel))) - (1 - share))).toBeLessThan(0.25);
    }
    for (const channel of numbers(channels)) {
      expect(Math.abs(mean(numbers(rows).map((row) => at(row, channel))) - (1 - share))).toBeLessThan(0.11);
    }
    const centred = (row: number, channel: number): number => at(row, channel) - (1 - share);
    const variance = share * (1 - share);
    const neighbours = numbers(rows - 1).flatMap((row) =>
      numbers(channels - 1).map((channel) => {
        const [a, b] = [centred(row, channel), centred(row, channel + 1)];
        const [c, d] = [centred(row + 1, channel), centred(row + 1, channel + 1)];
        return { beside: (a * b) / variance, below: (a * c) / variance, square: (a * b * c * d) / variance ** 2 };
      }),
    );
    for (const kind of ['beside', 'below', 'square'] as const) {
      expect(Math.abs(mean(neighbours.map((pair) => pair[kind])))).toBeLessThan(0.03);
    }
  });
});

describe('stacked adapters', () => {
  const adapters = fc.array(fc.record({ rank: fc.integer({ min: 1, max: 4 }), scaling: fc.constantFrom(0.5, 1, 2) }), {
    minLength: 1,
    maxLength: 4,
  });
  const anyBatch = fc.record({ adapters, owners: fc.array(fc.nat(4), { minLength: 1, maxLength: 6 }) });

  it.each([2, 3] as const)(
    'give every row what its own adapter alone gives it, inputs having %i axes',
    async (axes) => {
      const stacked = smallModel({ axes });
      injectStackedLora(stacked, paths);
      using session = await environment.createSession(encodeModel(stacked));
      await fc.assert(
        fc.asyncProperty(anyBatch, async ({ adapters: list, owners }) => {
          const all = list.map((settings, i): TestAdapter => ({ ...settings, name: `adapter ${i}` }));
          const x = randomTensor([...(axes === 3 ? [1] : []), owners.length, 3], 'rows');
          const [output] = Object.values(await runOnce(session, { x, ...stack(all, owners) }));
          const rows = output ? [...toFloat32(output)] : [];
          const errors: number[] = [];
          for (const [row, owner] of owners.entries()) {
            const mine = all[owner];
            const alone: TensorData = {
              ...x,
              shape: [...(axes === 3 ? [1] : []), 1, 3],
              bytes: x.bytes.slice(row * 12, (row + 1) * 12),
            };
            const expected = mine
              ? await outputOf(injected(mine, { axes }), { x: alone, ...weightsOf(mine) })
              : await outputOf(smallModel({ axes }), { x: alone });
            errors.push(relativeError(rows.slice(row * 2, (row + 1) * 2), expected));
          }
          expect(Math.max(...errors)).toBeLessThan(tolerance);
        }),
        { numRuns: 15 },
      );
    },
  );

  it('take one mask row for all tokens', async () => {
    const model = smallModel();
    injectStackedLora(model, paths);
    const x = randomTensor([5, 3], 'x');
    const rank = adapter.rank;
    const feeds = { ...stack([adapter], [0]), lora_mask: tensorOf('float32', [1, rank], [1, 1]) };
    expect(
      relativeError(
        await outputOf(model, { x, ...feeds }),
        await outputOf(injected(adapter), { x, ...weightsOf(adapter) }),
      ),
    ).toBeLessThan(tolerance);
  });
});

it('leaves no native handle but the environment', () => {
  expect(Object.keys(liveHandles())).toHaveLength(1);
});

/** The inputs of a stacked graph: the adapters' rank rows one below the other, and which belong to which token. */
function stack(all: readonly TestAdapter[], owners: readonly number[]): Record<string, TensorData> {
  const rows = all.reduce((sum, { rank }) => sum + rank, 0);
  const feeds: Record<string, TensorData> = {};
  for (const module of names) {
    const { in: width, out } = sizes[module];
    const [a, b]: [number[], number[]] = [[], []];
    for (const one of all) {
      const weights = weightsOf(one);
      const [A, B] = ['A', 'B'].map((matrix) =>
        toFloat32(weights[`net.${module}.lora_${matrix}`] ?? tensorOf('float32', [0], [])),
      );
      a.push(...(A ?? []));
      for (let r = 0; r < one.rank; r++)
        for (let o = 0; o < out; o++) b.push((B?.[o * one.rank + r] ?? NaN) * one.scaling);
    }
    feeds[`net.${module}.lora_A`] = tensorOf('float32', [rows, width], a);
    feeds[`net.${module}.lora_B`] = tensorOf('float32', [rows, out], b);
  }
  const owned = all.flatMap(({ rank }, i) => Array.from({ length: rank }, () => i));
  const mask = owners.flatMap((owner) => owned.map((of) => (of === owner ? 1 : 0)));
  return { ...feeds, lora_mask: tensorOf('float32', [owners.length, rows], mask) };
}
