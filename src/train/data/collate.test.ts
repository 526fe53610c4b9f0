import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { computedLength, packRows, padRows, type Batch } from './collate.ts';
import { ignoredLabel, type Example } from './example.ts';

const example: fc.Arbitrary<Example> = fc
  .array(fc.record({ id: fc.integer({ min: 0, max: 99 }), counts: fc.boolean() }), { minLength: 1, maxLength: 12 })
  .map((tokens) => ({
    inputIds: Int32Array.from(tokens, ({ id }) => id),
    labels: Int32Array.from(tokens, ({ id, counts }) => (counts ? id : ignoredLabel)),
  }));
const examples = fc.array(example, { minLength: 1, maxLength: 6 });

/** What a causal model is shown and asked, one line a target: all tokens up to a position, and the label after it. */
function naiveTargets(rows: readonly Example[]): string[] {
  return rows.flatMap(({ inputIds, labels }) =>
    [...labels.keys()]
      .filter((t) => t > 0 && labels[t] !== ignoredLabel)
      .map((t) => `${inputIds.slice(0, t).join(' ')} > ${labels[t]}`),
  );
}

/** The same, read back from a batch whose rows begin at these indices. */
function targetsOf({ inputIds, targetRows, targetIds }: Batch, starts: readonly number[]): string[] {
  return Array.from(targetRows, (at, i) => {
    const position = Number(at);
    const start = Math.max(...starts.filter((each) => each <= position));
    return `${inputIds.slice(start, position + 1).join(' ')} > ${targetIds[i]}`;
  });
}

describe.each([false, true])('rows in a batch (whole: %s)', (whole) => {
  it('padded, ask for exactly the targets of a naive shift by one, each with all the tokens before it', () => {
    fc.assert(
      fc.property(examples, (rows) => {
        const batch = padRows(rows, { whole });
        const starts = rows.map((_, row) => row * batch.longest);
        expect(targetsOf(batch, starts)).toEqual(naiveTargets(rows));
      }),
    );
  });

  it('packed, ask for the same, with no token that is not a row’s', () => {
    fc.assert(
      fc.property(examples, (rows) => {
        const batch = packRows(rows, { whole });
        const lengths = rows.map((row) => computedLength(row, { whole }));
        const starts = lengths.map((_, row) => lengths.slice(0, row).reduce((sum, length) => sum + length, 0));
        expect(targetsOf(batch, starts)).toEqual(naiveTargets(rows));
        expect([...batch.inputIds].map(Number)).toEqual(
          rows.flatMap(({ inputIds }, row) => Array.from(inputIds.subarray(0, lengths[row]))),
        );
      }),
    );
  });

  it('packed, have each token at its place in the rectangle of padded rows', () => {
    fc.assert(
      fc.property(examples, (rows) => {
        const [packed, padded] = [packRows(rows, { whole }), padRows(rows, { whole })];
        expect([packed.rows, packed.longest]).toEqual([padded.rows, padded.longest]);
        const spread = new BigInt64Array(padded.inputIds.length);
        for (const [token, place] of packed.places.entries()) spread[Number(place)] = packed.inputIds[token] ?? -1n;
        expect(spread).toEqual(padded.inputIds);
        expect(new Set(packed.places).size).toBe(packed.inputIds.length);
      }),
    );
  });
});

describe('padRows', () => {
  it('counts a token that equals the pad token like any other', () => {
    const rows = [
      { inputIds: Int32Array.of(5, 0), labels: Int32Array.of(ignoredLabel, 0) },
      { inputIds: Int32Array.of(5, 6, 7), labels: Int32Array.of(5, 6, 7) },
    ];
    expect(padRows(rows)).toEqual({
      rows: 2,
      longest: 2,
      inputIds: BigInt64Array.of(5n, 0n, 5n, 6n),
      targetRows: BigInt64Array.of(0n, 2n, 3n),
      targetIds: BigInt64Array.of(0n, 6n, 7n),
    });
  });
});

describe('computedLength', () => {
  const labels = Int32Array.of(-100, 2, -100, -100);
  const row = { inputIds: Int32Array.of(1, 2, 3, 4), labels };

  it('leaves out positions behind the last one that predicts', () => {
    expect(computedLength(row)).toBe(1);
    expect(packRows([row]).inputIds).toEqual(BigInt64Array.of(1n));
  });

  it('keeps them where a row is to stay whole', () => {
    expect(computedLength(row, { whole: true })).toBe(4);
  });
});
