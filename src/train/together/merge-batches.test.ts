import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { typedArray } from '../../tensor/index.ts';
import type { Example } from '../data/example.ts';
import { createMicroBatch } from '../data/micro-batch.ts';
import { mergeBatches } from './merge-batches.ts';

const example = fc
  .array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 9 })
  .map((ids): Example => ({ inputIds: Int32Array.from(ids), labels: Int32Array.from(ids) }));
const lanes = fc
  .array(fc.option(fc.array(example, { minLength: 1, maxLength: 4 }), { nil: undefined }), {
    minLength: 1,
    maxLength: 4,
  })
  .filter((list) => list.some((rows) => rows !== undefined));

describe('the batch of several lanes', () => {
  it.each([true, false])('is the batch of all their rows, and says whose they are (packed: %s)', (packed) => {
    fc.assert(
      fc.property(lanes, (list) => {
        const { feeds, sizes } = mergeBatches(list.map((rows) => rows && createMicroBatch(rows, { packed })));
        const all = list.flatMap((rows) => rows ?? []);
        const whole = createMicroBatch(all, { packed });
        const shown = (map: typeof feeds) =>
          [...map].map(([name, data]) => [name, data.shape, Array.from(typedArray(data), Number)]);
        expect(shown(feeds)).toEqual(shown(whole.feeds));
        const longest = Math.max(...all.map(({ inputIds }) => inputIds.length - 1));
        expect(sizes).toEqual(
          list.map((rows = []) => {
            const tokens = rows.reduce((sum, { inputIds }) => sum + inputIds.length - 1, 0);
            return { batch: rows.length, tokens: packed ? tokens : rows.length * longest, targets: tokens };
          }),
        );
      }),
    );
  });
});
