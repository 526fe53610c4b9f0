import { describe, expect, it } from 'vitest';
import type { AdaptableModule } from '../../../ir/index.ts';
import type { ModuleWeights } from '../../../lora/index.ts';
import { tensorOf } from '../../../tensor/index.ts';
import { createReplacement, createWeightUpdate } from './weight-update.ts';

const linear: AdaptableModule = { path: 'm', in: 3, out: 2 };
const weights: ModuleWeights = {
  rank: 1,
  scaling: 2,
  a: tensorOf('float32', [1, 3], [1, 2, 3]),
  b: tensorOf('float32', [2, 1], [10, 1]),
};

/** All rows through an update, one at a time, as a file's pieces come. */
async function merged(module: AdaptableModule, rows: readonly number[][], parts: readonly ModuleWeights[], scale = 1) {
  const update = await createWeightUpdate(
    module,
    parts.map((part) => ({ weights: part, scale })),
  );
  return rows.map((row, i) => {
    const values = Float32Array.from(row);
    update.apply(values, i);
    return [...values];
  });
}

describe('createWeightUpdate', () => {
  const zeros = (rows: number, columns: number): number[][] =>
    Array.from({ length: rows }, () => Array.from({ length: columns }, () => 0));

  it('adds scale · scaling · B·A to a linear layer', async () => {
    expect(await merged(linear, zeros(2, 3), [weights], 0.5)).toEqual([
      [10, 20, 30],
      [1, 2, 3],
    ]);
  });

  it.each([
    ['a layer stored as [in, out]', { ...linear, transposed: true }],
    ['an embedding', { ...linear, kind: 'embedding' }],
  ] as const)('adds it turned to %s', async (_, module) => {
    expect(await merged(module, zeros(3, 2), [weights], 0.5)).toEqual([
      [10, 1],
      [20, 2],
      [30, 3],
    ]);
  });

  it('takes a kernel for more columns', async () => {
    const conv: AdaptableModule = { path: 'm', kind: 'conv', in: 2, out: 2, kernel: [2] };
    const a = tensorOf('float32', [1, 2, 2], [1, 2, 3, 4]);
    const b = tensorOf('float32', [2, 1, 1], [1, -1]);
    expect(await merged(conv, zeros(2, 4), [{ rank: 1, scaling: 1, a, b }])).toEqual([
      [1, 2, 3, 4],
      [-1, -2, -3, -4],
    ]);
  });

  it('makes rows as long as a magnitude says', async () => {
    const magnitude = tensorOf('float32', [2], [10, 5]);
    const rows = [
      [3 - 20, -40, 4 - 60],
      [-2, -4, -6],
    ];
    const [first, second] = await merged(linear, [rows[0] ?? [], [0, 3, 4]], [{ ...weights, magnitude }]);
    expect(first).toEqual([6, 0, 8]);
    expect(second?.map((value) => value.toFixed(4))).toEqual(
      [2, 7, 10].map((value) => ((5 * value) / Math.hypot(2, 7, 10)).toFixed(4)),
    );
  });

  it('puts several adapters together', async () => {
    expect(await merged(linear, zeros(2, 3), [weights, { ...weights, scaling: -2 }])).toEqual(zeros(2, 3));
  });
});

describe('createReplacement', () => {
  it('puts numbers in the place of any stretch of others', () => {
    const values = Float32Array.from([9, 9]);
    createReplacement(tensorOf('float32', [2, 2], [1, 2, 3, 4])).apply(values, 1);
    expect([...values]).toEqual([2, 3]);
  });
});
