import { describe, expect, it } from 'vitest';
import { remarkOnRanks } from './remark-on-ranks.ts';

const modules = [
  { path: 'up', in: 192, out: 512 },
  { path: 'head', in: 192, out: 3 },
  { path: 'conv', kind: 'conv', in: 4, out: 64, kernel: [3, 3] },
] as const;

describe('remarkOnRanks', () => {
  it.each([
    [{ up: 192, head: 3, conv: 36 }, undefined],
    [
      { up: 5000 },
      'The rank is larger than the smaller side of one module. For up [512, 192] it is 5000, and no more can be expressed than with rank 192.',
    ],
    [
      { up: 8, head: 8, conv: 40 },
      'The rank is larger than the smaller side of 2 modules. For head [3, 192] it is 8, and no more can be expressed than with rank 3.',
    ],
  ])('says of the ranks %j: %s', (ranks, text) => {
    const lora = Object.entries(ranks).map(([path, rank]) => ({ path, rank }));
    expect(remarkOnRanks(lora, modules)).toBe(text);
  });

  it('says nothing of a training of every weight', () => {
    expect(remarkOnRanks(undefined, modules)).toBeUndefined();
  });
});
