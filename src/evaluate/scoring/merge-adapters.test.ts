import { describe, expect, it } from 'vitest';

import { tensorOf, toFloat32 } from '../../tensor/index.ts';
import { mergeAdapters } from './merge-adapters.ts';

const first = {
  rank: 1,
  scaling: 2,
  a: tensorOf('float32', [1, 2], [1, 2]),
  b: tensorOf('float32', [3, 1], [1, 2, 3]),
};
const second = {
  rank: 2,
  scaling: 1,
  a: tensorOf('float32', [2, 2], [3, 4, 5, 6]),
  b: tensorOf('float32', [3, 2], [1, 1, 2, 2, 3, 3]),
};

describe('mergeAdapters', () => {
  it('lays ranks one behind the other, with scaling and strength in B', async () => {
    const adapters = [{ modules: new Map([['q', first]]) }, { modules: new Map([['q', second]]), scale: 0.5 }];
    const [merged] = await mergeAdapters(adapters);
    expect(merged).toMatchObject({ path: 'q', rank: 3 });
    expect([...toFloat32(merged?.a ?? first.a)]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...toFloat32(merged?.b ?? first.b)]).toEqual([2, 0.5, 0.5, 4, 1, 1, 6, 1.5, 1.5]);
  });

  it('keeps modules that only one adapter has', async () => {
    const adapters = [{ modules: new Map([['q', first]]) }, { modules: new Map([['v', second]]) }];
    expect((await mergeAdapters(adapters)).map(({ path, rank }) => [path, rank])).toEqual([
      ['q', 1],
      ['v', 2],
    ]);
  });

  it('takes a DoRA adapter by itself at full strength, and in no sum', async () => {
    const magnitude = tensorOf('float32', [3], [1, 1, 1]);
    const dora = { modules: new Map([['q', { ...first, magnitude }]]) };
    expect((await mergeAdapters([dora]))[0]?.magnitude).toBe(magnitude);
    await expect(mergeAdapters([dora, { modules: new Map([['q', first]]) }])).rejects.toThrow(
      'a weighted sum cannot apply',
    );
    await expect(mergeAdapters([{ ...dora, scale: 0.5 }])).rejects.toThrow("DoRA's magnitudes of q");
  });

  it('refuses parameters that an adapter brings whole, at any strength but its own', async () => {
    const saved = new Map([['lm_head.weight', tensorOf('float32', [1], [1])]]);
    expect(await mergeAdapters([{ modules: new Map(), saved }])).toEqual([]);
    await expect(mergeAdapters([{ modules: new Map(), saved, scale: 2 }])).rejects.toThrow(
      'the whole parameters lm_head.weight',
    );
  });
});
