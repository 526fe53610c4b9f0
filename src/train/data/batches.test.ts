import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { collate, createBatches, fillBatch, measureBatch, type Batch } from './batches.ts';
import { countTargets, ignoredLabel, type Example } from './example.ts';

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

function targetsOf({ seq, targets, inputIds, targetRows, targetIds }: Batch): string[] {
  return Array.from({ length: targets }, (_, i) => {
    const position = Number(targetRows[i]);
    const start = position - (position % seq);
    return `${inputIds.slice(start, position + 1).join(' ')} > ${targetIds[i]}`;
  });
}

describe('collate', () => {
  it('asks for exactly the targets of a naive shift by one, each with all the tokens before it', () => {
    fc.assert(
      fc.property(examples, fc.integer({ min: 1, max: 20 }), (rows, padTo) => {
        expect(targetsOf(collate(rows, { padTo })).sort()).toEqual(naiveTargets(rows).sort());
      }),
    );
  });

  it('counts a token that equals the pad token like any other', () => {
    const rows = [
      { inputIds: Int32Array.of(5, 0), labels: Int32Array.of(ignoredLabel, 0) },
      { inputIds: Int32Array.of(5, 6, 7), labels: Int32Array.of(5, 6, 7) },
    ];
    expect(collate(rows, { padId: 0 })).toEqual({
      batch: 2,
      seq: 2,
      targets: 3,
      inputIds: BigInt64Array.of(5n, 0n, 5n, 6n),
      targetRows: BigInt64Array.of(0n, 2n, 3n),
      targetIds: BigInt64Array.of(0n, 6n, 7n),
    });
  });

  it('leaves out positions behind the last target, and keeps the shape that it is told to', () => {
    const rows = [{ inputIds: Int32Array.of(1, 2, 3, 4), labels: Int32Array.of(-100, 2, -100, -100) }];
    expect(collate(rows)).toMatchObject({ seq: 1, targets: 1 });
    expect(collate(rows, { padTo: 6, padId: 9 }).inputIds).toEqual(BigInt64Array.of(1n, 2n, 3n, 4n, 9n, 9n));
  });

  it('gives the same batch in arrays that held another before', () => {
    fc.assert(
      fc.property(examples, examples, (first, second) => {
        const [inputIds, targetRows, targetIds] = [new BigInt64Array(99), new BigInt64Array(99), new BigInt64Array(99)];
        const arrays = { inputIds, targetRows, targetIds };
        for (const rows of [first, second]) fillBatch(rows, measureBatch(rows), arrays);
        const { batch, seq, targets } = measureBatch(second);
        const used = {
          inputIds: arrays.inputIds.slice(0, batch * seq),
          targetRows: arrays.targetRows.slice(0, targets),
          targetIds: arrays.targetIds.slice(0, targets),
        };
        expect({ batch, seq, targets, ...used }).toEqual(collate(second));
      }),
    );
  });
});

describe('createBatches', () => {
  const order = { batchSize: 4, shuffle: true, seed: 7, epoch: 0 };
  const rows = Array.from({ length: 30 }, (_, id) => ({ inputIds: Int32Array.of(id), labels: Int32Array.of(id) }));
  const ids = (changes: Partial<typeof order>): number[] =>
    createBatches(rows, { ...order, ...changes }).flatMap((batch) => batch.map(({ inputIds }) => inputIds[0] ?? -1));
  const inFileOrder = rows.map((_, id) => id);

  it('puts every example in exactly one batch, and keeps the last partial one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.boolean(), fc.nat(), (batchSize, shuffle, seed) => {
        const batches = createBatches(rows, { batchSize, shuffle, seed, epoch: 0 });
        expect(batches.flat().toSorted(byId)).toEqual(rows);
        expect(batches.slice(0, -1).every((batch) => batch.length === batchSize)).toBe(true);
      }),
    );
  });

  it('draws the same order for the same seed and epoch, and another one for others', () => {
    expect(ids({})).toEqual(ids({}));
    expect(ids({ epoch: 1 })).not.toEqual(ids({}));
    expect(ids({ seed: 8 })).not.toEqual(ids({}));
  });

  it('keeps the order of the file where it does not shuffle', () => {
    expect(ids({ shuffle: false, epoch: 3 })).toEqual(inFileOrder);
    expect(ids({})).not.toEqual(inFileOrder);
  });
});

function byId(a: Example, b: Example): number {
  return (a.inputIds[0] ?? 0) - (b.inputIds[0] ?? 0);
}

it('countTargets leaves out the first label, which nothing predicts', () => {
  expect(countTargets({ inputIds: Int32Array.of(1, 2, 3), labels: Int32Array.of(1, -100, 3) })).toBe(1);
});
