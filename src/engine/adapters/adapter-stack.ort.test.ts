import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Adapter, ModuleWeights } from '../../lora/index.ts';
import { Pace } from '../../core/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { AdapterStack } from './adapter-stack.ts';
import { checkAdapter } from './check-adapter.ts';
import { prepareAdapter } from './prepare-adapter.ts';
import type { RankRows } from './rank-rows.ts';
import { assertNothingAlive } from '../testing/assert-nothing-alive.ts';

const modules = [
  { path: 'one', in: 2, out: 3 },
  { path: 'two', in: 1, out: 1 },
];

function moduleOf(a: number[][], b: number[][], scaling = 1): ModuleWeights {
  const [rank, width, out] = [a.length, a[0]?.length ?? 0, b.length];
  return {
    rank,
    scaling,
    a: tensorOf('float32', [rank, width], a.flat()),
    b: tensorOf('float32', [out, rank], b.flat()),
  };
}

function weightsOf(entries: Readonly<Record<string, ModuleWeights>>): Adapter {
  const config = { rank: 1, alpha: 1, dropout: 0, targetModules: Object.keys(entries) };
  return { config, modules: new Map(Object.entries(entries)), digest: 'x', baseName: undefined };
}

const mixedRanks = weightsOf({
  one: moduleOf(
    [
      [1, 2],
      [3, 4],
    ],
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    10,
  ),
  two: moduleOf([[7]], [[8]], 0.5),
});

const served = { modules: new Map(modules.map((module) => [module.path, module])), maxRank: 3, gains: undefined };

let stack: AdapterStack;
beforeEach(() => {
  stack = new AdapterStack(modules, { rows: 5 });
});
afterEach(() => {
  stack.dispose();
  assertNothingAlive();
});

function rowsOf(path: string, { start, end }: RankRows): { a: number[][]; b: number[][] } {
  const module = stack.modules.find((one) => one.path === path);
  if (module === undefined) throw new RangeError(path);
  const read = (array: Float32Array, width: number): number[][] =>
    Array.from({ length: end - start }, (_, row) => [
      ...array.subarray((start + row) * width, (start + row + 1) * width),
    ]);
  return { a: read(module.loraA.float32(), module.in), b: read(module.loraB.float32(), module.out) };
}

async function write(rows: RankRows, weights: Adapter): Promise<void> {
  const prepared = await prepareAdapter('x', weights, undefined);
  expect(prepared.bytes).toBe(checkAdapter('x', weights, served).bytes);
  await stack.write(rows, prepared, new Pace());
  prepared.dispose();
}

describe('AdapterStack', () => {
  it('turns B over and scales it; what a module lacks in rank is zero', async () => {
    const rows = { start: 1, end: 3 };
    await write(rows, mixedRanks);
    expect(rowsOf('one', rows)).toEqual({
      a: [
        [1, 2],
        [3, 4],
      ],
      b: [
        [10, 30, 50],
        [20, 40, 60],
      ],
    });
    expect(rowsOf('two', rows)).toEqual({ a: [[7], [0]], b: [[4], [0]] });
  });

  it('leaves nothing of the version that had the rows before', async () => {
    const rows = { start: 1, end: 3 };
    await write(rows, mixedRanks);
    await write(rows, weightsOf({ two: moduleOf([[1], [1]], [[1, 1]]) }));
    expect(rowsOf('one', rows)).toEqual({
      a: [
        [0, 0],
        [0, 0],
      ],
      b: [
        [0, 0, 0],
        [0, 0, 0],
      ],
    });
    expect(rowsOf('two', rows)).toEqual({ a: [[1], [1]], b: [[1], [1]] });
  });

  it('copies rows to others, and keeps row 0 zero', async () => {
    const [from, to] = [
      { start: 3, end: 5 },
      { start: 1, end: 3 },
    ];
    await write(from, mixedRanks);
    await stack.copy(from, to, new Pace());
    for (const path of ['one', 'two']) expect(rowsOf(path, to)).toEqual(rowsOf(path, from));
    const row = { start: 0, end: 1 };
    expect([rowsOf('one', row), rowsOf('two', row)]).toEqual([
      { a: [[0, 0]], b: [[0, 0, 0]] },
      { a: [[0]], b: [[0]] },
    ]);
  });
});

describe('checkAdapter', () => {
  it.each([
    ['ADAPTER_TARGET_NOT_SERVED', weightsOf({ three: moduleOf([[1]], [[1]]) })],
    ['SHAPE_MISMATCH', weightsOf({ one: moduleOf([[1]], [[1], [1], [1]]) })],
    ['SHAPE_MISMATCH', weightsOf({ one: moduleOf([[1, 1]], [[1], [1]]) })],
    ['ADAPTER_RANK_TOO_LARGE', weightsOf({ two: moduleOf([[1], [1], [1], [1]], [[1, 1, 1, 1]]) })],
  ])('refuses with %s', (code, weights) => {
    expect(() => checkAdapter('x', weights, served)).toThrow(expect.objectContaining({ code }));
  });
});

describe('prepareAdapter', () => {
  it.each([Number.NaN, Infinity, -1e16])('refuses the value %d, and gives its memory back', async (value) => {
    const preparing = prepareAdapter('x', weightsOf({ two: moduleOf([[1]], [[value]]) }), undefined);
    await expect(preparing).rejects.toMatchObject({ code: 'ADAPTER_VALUES_UNUSABLE', details: { module: 'two' } });
  });
});
