import { afterAll, describe, expect, it } from 'vitest';

import { createModel, encodeModel, Tape } from '../../ir/index.ts';
import { liveHandles } from '../../native/index.ts';
import { openEnvironment, runOnce } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32 } from '../../tensor/index.ts';
import { pool, type Pooling } from './pooling.ts';

const environment = openEnvironment({ threads: 1 });
afterAll(() => environment.dispose());

/** Three rows of four states [2]: whole, padded on the right, padded on the left. */
const hidden = [
  [1, -2, 3, 4, -5, 6, 7, 8],
  [2, 2, 4, -6, 90, 90, 90, 90],
  [90, 90, 90, 90, -1, 3, -2, 5],
];
const mask = [
  [1, 1, 1, 1],
  [1, 1, 0, 0],
  [0, 0, 1, 1],
];

async function pooled(pooling: Pooling, rows = hidden, masks = mask): Promise<number[]> {
  const model = createModel({ graphName: 'pool' });
  const states = model.graph.addInput('hidden', 'float32', ['batch', 'seq', 2]);
  const attentionMask = model.graph.addInput('attention_mask', 'int64', ['batch', 'seq']);
  model.graph.addOutput(pool(new Tape(model), { hidden: states, attentionMask }, pooling));
  using session = await environment.createSession(encodeModel(model));
  const [output] = Object.values(
    await runOnce(session, {
      hidden: tensorOf('float32', [rows.length, 4, 2], rows.flat()),
      attention_mask: tensorOf('int64', [rows.length, 4], masks.flat()),
    }),
  );
  return output === undefined ? [] : [...toFloat32(output)];
}

const rounded = (values: readonly number[]): number[] => values.map((value) => Number(value.toFixed(5)));

describe('pool', () => {
  it.each([
    { mode: 'cls', expected: [1, -2, 2, 2, -1, 3] },
    { mode: 'lasttoken', expected: [7, 8, 4, -6, -2, 5] },
    { mode: 'mean', expected: [1.5, 4, 3, -2, -1.5, 4] },
    { mode: 'max', expected: [7, 8, 4, 2, -1, 5] },
    { mode: 'weightedmean', expected: [2, 5.6, 3.33333, -3.33333, -1.57143, 4.14286] },
    { mode: 'mean_sqrt_len_tokens', expected: [3, 8, 4.24264, -2.82843, -2.12132, 5.65685] },
  ] as const)('takes only the positions that count: $mode', async ({ mode, expected }) => {
    expect(rounded(await pooled({ modes: [mode], steps: [] }))).toEqual(expected);
  });

  it('makes vectors of length 1', async () => {
    const values = await pooled({ modes: ['mean'], steps: ['normalize'] });
    const lengths = [0, 2, 4].map((at) => Math.hypot(values[at] ?? NaN, values[at + 1] ?? NaN));
    expect(rounded(lengths)).toEqual([1, 1, 1]);
    expect(values[0]).toBeCloseTo(1.5 / Math.hypot(1.5, 4), 6);
  });

  it('joins the vectors of several modes, and applies the layers that follow', async () => {
    expect(rounded(await pooled({ modes: ['cls', 'mean'], steps: [] })).slice(0, 4)).toEqual([1, -2, 1.5, 4]);
    const weight = tensorOf('float32', [3, 2], [1, 0, 0, 1, 2, -1]);
    const bias = tensorOf('float32', [3], [0, -4, 1]);
    const dense = { weight, bias, activation: 'relu' } as const;
    expect(rounded(await pooled({ modes: ['mean'], steps: [dense] })).slice(0, 3)).toEqual([1.5, 0, 0]);
    const tanh = { weight, bias: undefined, activation: 'tanh' } as const;
    const expected = [Math.tanh(1.5), Math.tanh(4), Math.tanh(-1)];
    const length = Math.hypot(...expected);
    const values = await pooled({ modes: ['mean'], steps: [tanh, 'normalize'] });
    expect(rounded(values).slice(0, 3)).toEqual(rounded(expected.map((value) => value / length)));
  });

  it('gives zeros for a row that is all padding', async () => {
    const masks = [[0, 0, 0, 0]];
    expect(await pooled({ modes: ['mean'], steps: ['normalize'] }, [[1, 2, 3, 4, 5, 6, 7, 8]], masks)).toEqual([0, 0]);
  });

  it('gives every native handle back', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});
