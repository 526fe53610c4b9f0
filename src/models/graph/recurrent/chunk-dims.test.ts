import { describe, expect, it } from 'vitest';

import { chunkDimSizes } from './chunk-dims.ts';

describe('the sizes of chunks', () => {
  it.each([
    [1, 1, 1, 1, 1],
    [32, 1, 32, 1, 32],
    [33, 2, 32, 1, 33],
    [130, 5, 32, 3, 64],
  ])('are those of the graph for rows of %i tokens', (seq, chunks32, chunk32, chunks64, chunk64) => {
    expect(Object.fromEntries(chunkDimSizes(seq))).toEqual({ chunks32, chunk32, chunks64, chunk64 });
  });
});
