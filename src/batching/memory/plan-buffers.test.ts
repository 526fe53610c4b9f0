import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planBuffers, type PlannedBuffer } from './plan-buffers.ts';

const request = fc
  .record({ bytes: fc.nat(2000), from: fc.nat(6), steps: fc.nat(6) })
  .map(({ bytes, from, steps }) => ({ name: 'x', bytes, first: from, last: from + steps }));

const live = (a: PlannedBuffer, b: PlannedBuffer): boolean => a.first <= b.last && b.first <= a.last;
const overlap = (a: PlannedBuffer, b: PlannedBuffer): boolean =>
  a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;

describe('planBuffers', () => {
  it('lets no two buffers overlap that live at the same time, aligns each, and takes no more than their sum', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 20 }), (requests) => {
        const { buffers, bytes } = planBuffers(requests);
        expect(buffers).toMatchObject(requests);
        const wrong = buffers.filter((a, i) => {
          const collides = buffers.slice(i + 1).some((b) => live(a, b) && overlap(a, b));
          return collides || a.offset % 64 !== 0 || a.offset + a.bytes > bytes;
        });
        expect(wrong).toEqual([]);
        expect(bytes).toBeLessThanOrEqual(requests.reduce((sum, each) => sum + Math.ceil(each.bytes / 64) * 64, 0));
      }),
    );
  });

  it('needs at least what lives at the busiest step', () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 20 }), (requests) => {
        const busiest = requests.map(({ first }) =>
          requests.filter((other) => other.first <= first && first <= other.last).reduce((sum, r) => sum + r.bytes, 0),
        );
        expect(planBuffers(requests).bytes).toBeGreaterThanOrEqual(Math.max(...busiest));
      }),
    );
  });

  it('gives the place of a buffer that is not needed any more to a later one', () => {
    const plan = planBuffers([
      { name: 'staging', bytes: 640, first: 0, last: 0 },
      { name: 'input', bytes: 100, first: 0, last: 1 },
      { name: 'output', bytes: 600, first: 1, last: 2 },
    ]);
    expect(plan.buffers.map(({ offset }) => offset)).toEqual([0, 640, 0]);
    expect(plan.bytes).toBe(768);
  });
});
