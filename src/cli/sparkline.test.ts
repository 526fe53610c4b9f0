import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sparkline } from './sparkline.ts';

describe('sparkline', () => {
  it.each([
    { values: [0, 1, 2, 3, 4, 5, 6, 7], width: 10, line: '▁▂▃▄▅▆▇█' },
    { values: [8, 8, 1, 1], width: 2, line: '█▁' },
    { values: [3, 3], width: 10, line: '▁▁' },
    { values: [2, NaN, 1], width: 10, line: '█ ▁' },
    { values: [], width: 10, line: '' },
  ])('$values in $width is "$line"', ({ values, width, line }) => expect(sparkline(values, width)).toBe(line));

  it('is never wider than it may be, and leaves nothing out', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 })),
        fc.integer({ min: 1, max: 40 }),
        (values, width) => {
          const line = sparkline(values, width);
          expect([...line]).toHaveLength(Math.min(width, values.length));
          expect(line).toMatch(/^[▁-█]*$/);
        },
      ),
    );
  });
});
