import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { PrefixIndex, type PrefixRow } from './prefix-index.ts';

const blockTokens = 2;

function rowOf(root: string, tokens: readonly number[]): PrefixRow {
  return { root, tokenAt: (place) => tokens[place] ?? -1, count: Math.floor(tokens.length / blockTokens) };
}

/** Stores a row as the cache does, and notes in each place what was stored there. */
function store(index: PrefixIndex, places: Map<number, string>, root: string, tokens: readonly number[]): void {
  const row = rowOf(root, tokens);
  const blocks = index.find(row);
  while (blocks.length < row.count) {
    const block = index.add(row, blocks);
    if (block === undefined) break;
    blocks.push(block);
    places.set(block.place, contentOf(root, tokens, blocks.length));
  }
  index.touch(blocks);
}

/** Keys and values depend on the root and on every token up to the last one of the block. */
function contentOf(root: string, tokens: readonly number[], blocks: number): string {
  return `${root}: ${tokens.slice(0, blocks * blockTokens).join()}`;
}

const row = fc.record({
  root: fc.constantFrom('a', 'b'),
  tokens: fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 10 }),
});
const command = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('store' as const, 'find' as const), row }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), row }) },
);

describe('PrefixIndex', () => {
  it('finds only what was stored for the same tokens of the same root, within its capacity', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.array(command, { maxLength: 60 }), (capacity, commands) => {
        const index = new PrefixIndex({ capacity, blockTokens });
        const places = new Map<number, string>();
        for (const {
          kind,
          row: { root, tokens },
        } of commands) {
          if (kind === 'store') store(index, places, root, tokens);
          const found = index.find(rowOf(root, tokens));
          expect(found.map(({ place }) => places.get(place))).toEqual(
            found.map((_, i) => contentOf(root, tokens, i + 1)),
          );
          const last = found.at(-1);
          if (kind === 'drop' && last) index.drop(last);
          expect(index.size).toBeLessThanOrEqual(capacity);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('gives up what was used longest ago, from its end', () => {
    const index = new PrefixIndex({ capacity: 4, blockTokens });
    const places = new Map<number, string>();
    const lengthOf = (tokens: readonly number[]): number => index.find(rowOf('', tokens)).length;
    const [first, second, third] = [
      [1, 1, 1, 1],
      [2, 2, 2, 2],
      [3, 3],
    ];
    store(index, places, '', first);
    store(index, places, '', second);
    expect(lengthOf(first)).toBe(2);
    store(index, places, '', third);
    expect([first, second, third].map(lengthOf)).toEqual([2, 1, 1]);
  });

  it('does not give up the beginning of a row for its end', () => {
    const index = new PrefixIndex({ capacity: 2, blockTokens });
    store(index, new Map(), '', [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(index.find(rowOf('', [1, 2, 3, 4, 5, 6, 7, 8]))).toHaveLength(2);
  });

  it('does not find what followed a block that was dropped, even when that block is stored again', () => {
    const index = new PrefixIndex({ capacity: 9, blockTokens });
    store(index, new Map(), '', [1, 2, 3, 4]);
    const [first] = index.find(rowOf('', [1, 2]));
    if (first) index.drop(first);
    store(index, new Map(), '', [1, 2]);
    expect(index.find(rowOf('', [1, 2, 3, 4]))).toHaveLength(1);
  });
});
