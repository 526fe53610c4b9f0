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

const numbers = (feeds: ReadonlyMap<string, Parameters<typeof typedArray>[0]>, name: string): number[] => {
  const data = feeds.get(name);
  return data === undefined ? [] : Array.from(typedArray(data), Number);
};

describe('the batch of several lanes', () => {
  it('can have the same number of tokens in each, of which those that were added follow all others of their row', () => {
    fc.assert(
      fc.property(lanes, (list) => {
        const batches = list.map((rows) => rows && createMicroBatch(rows, { packed: true }));
        const { feeds, sizes } = mergeBatches(batches, { equalTokens: true });
        const [ids, places] = [numbers(feeds, 'input_ids'), numbers(feeds, 'token_places')];
        const [rows = 0, longest = 0] = numbers(feeds, 'rectangle');
        const most = Math.max(...batches.map((batch) => (batch ? numbers(batch.feeds, 'input_ids').length : 0)));
        expect(sizes.map(({ tokens }) => tokens)).toEqual(list.map(() => most));
        expect(rows).toBe(sizes.reduce((sum, { batch }) => sum + batch, 0));
        expect(new Set(places).size).toBe(places.length);
        expect(Math.max(...places)).toBeLessThan(rows * longest);
        // Each row of a lane is where it would be, with its tokens from its beginning on; what is left has no target.
        const targets: number[] = [];
        let [firstRow, firstToken] = [0, 0];
        for (const [lane, batch] of batches.entries()) {
          let token = firstToken;
          for (const [row, { inputIds }] of (list[lane] ?? []).entries()) {
            for (const [position, id] of [...inputIds.subarray(0, -1)].entries()) {
              expect([ids[token], places[token]]).toEqual([id, (firstRow + row) * longest + position]);
              token += 1;
            }
          }
          expect(places.slice(firstToken, firstToken + most).every((p) => p >= firstRow * longest)).toBe(true);
          if (batch) targets.push(...numbers(batch.feeds, 'target_rows').map((at) => at + firstToken));
          firstRow += sizes[lane]?.batch ?? 0;
          firstToken += most;
          expect(places.slice(token, firstToken).every((p) => p < firstRow * longest)).toBe(true);
        }
        expect(numbers(feeds, 'target_rows')).toEqual(targets);
      }),
    );
  });

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
