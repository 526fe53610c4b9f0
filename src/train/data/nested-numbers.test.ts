import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readNestedNumbers } from './nested-numbers.ts';

/** Nests a flat list by a shape. */
function nest(values: readonly number[], [size = 0, ...inner]: readonly number[]): unknown {
  if (inner.length === 0) return values.slice(0, size);
  const width = inner.reduce((product, dim) => product * dim, 1);
  return Array.from({ length: size }, (_, i) => nest(values.slice(i * width), inner));
}

describe('readNestedNumbers', () => {
  it('finds the shape and the numbers of lists of any depth', () => {
    const dims = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(dims, (shape) => {
        const values = Array.from({ length: shape.reduce((product, dim) => product * dim, 1) }, (_, i) => i / 2);
        expect(readNestedNumbers(nest(values, shape))).toEqual({ shape, values });
      }),
    );
  });

  it('takes one number alone, and booleans as 0 and 1', () => {
    expect(readNestedNumbers(2.5)).toEqual({ shape: [], values: [2.5] });
    expect(readNestedNumbers([true, false])).toEqual({ shape: [2], values: [1, 0] });
  });

  it.each([
    { value: undefined, problem: 'nothing where a number' },
    { value: 'x', problem: '"x" where a number' },
    { value: [[1, 2], [3]], problem: 'lists of 2 and of 1' },
    { value: [[1, 2], 3], problem: 'numbers beside lists' },
    { value: [1, [2]], problem: '[2] where a number' },
    { value: [1, null], problem: 'null where a number' },
    { value: JSON.parse('['.repeat(40) + ']'.repeat(40)) as unknown, problem: 'too deeply' },
  ])('says what is wrong with $value', ({ value, problem }) => {
    expect(readNestedNumbers(value)).toContain(problem);
  });
});
