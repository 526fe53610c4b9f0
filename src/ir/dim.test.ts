import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addDims, canonicalDim, divideDims, evaluateDim, multiplyDims, subtractDims, type Dim } from './dim.ts';

const symbols = ['batch', 'past', 'seq'];
const dim: fc.Arbitrary<Dim> = fc.letrec<{ dim: Dim }>((tie) => ({
  dim: fc.oneof(
    { depthSize: 'small' },
    fc.integer({ min: 1, max: 9 }),
    fc.constantFrom(...symbols),
    fc.tuple(tie('dim'), tie('dim')).map(([a, b]) => addDims(a, b)),
    fc.tuple(tie('dim'), tie('dim')).map(([a, b]) => multiplyDims(a, b)),
  ),
})).dim;

describe('dimensions', () => {
  it.each([
    ['seq*batch', 'batch*seq'],
    ['seq + past', 'past+seq'],
    ['2 * seq - seq', 'seq'],
    ['seq - 1', 'seq-1'],
    ['1 + seq*3', '3*seq+1'],
    ['seq - seq', 0],
    ['seq//2', '(seq//2)'],
    ['Max(1, s0)', 'Max(1, s0)'],
    ['a**2', '(a**2)'],
    ['unk__0', 'unk__0'],
    [')(', '()()'],
  ])('writes %s as %s', (text, expected) => {
    expect(canonicalDim(text)).toBe(expected);
  });

  it('keeps what it cannot read as one symbol that still multiplies', () => {
    expect(multiplyDims(canonicalDim('seq//2'), 2, 'b')).toBe('2*(seq//2)*b');
  });

  it('divides where the quotient is exact', () => {
    expect(divideDims('6*batch*seq', '2*seq')).toBe('3*batch');
    expect(divideDims('2*batch+4*batch*seq', '2*batch')).toBe('2*seq+1');
    expect(divideDims('batch', 'seq')).toBeUndefined();
    expect(divideDims('3*batch', 2)).toBeUndefined();
    expect(divideDims(7, 0)).toBeUndefined();
  });

  it('gives up on dimensions that grow without end', () => {
    let power: Dim = 'a+b';
    for (let i = 0; i < 60; i++) power = multiplyDims(power, power);
    expect(power).toBeUndefined();
    expect(multiplyDims(...Array.from({ length: 10_000 }, () => 'a+b'))).toBeUndefined();
    expect(canonicalDim('x'.repeat(100_000))).toBeUndefined();
  });

  it('have a size where every symbol has one', () => {
    const sizes = new Map([
      ['batch', 3],
      ['seq', 5],
    ]);
    expect(['2*batch*seq+1', 'seq-5', 7].map((each) => evaluateDim(each, sizes))).toEqual([31, 0, 7]);
    expect(['past', 'batch-4', '(seq//2)', undefined].map((each) => evaluateDim(each, sizes))).toEqual(
      Array.from({ length: 4 }),
    );
  });

  it('does not care for order, and reads its own text', () => {
    fc.assert(
      fc.property(dim, dim, dim, (a, b, c) => {
        expect(addDims(a, b)).toBe(addDims(b, a));
        expect(multiplyDims(a, addDims(b, c))).toBe(addDims(multiplyDims(c, a), multiplyDims(b, a)));
        expect(typeof a === 'string' ? canonicalDim(a) : a).toBe(a);
        expect(subtractDims(addDims(a, b), b)).toBe(a);
      }),
    );
  });

  it('divides what it multiplied', () => {
    fc.assert(
      fc.property(dim, fc.constantFrom<Dim>(3, 'seq', '2*batch*past'), (a, b) => {
        expect(divideDims(multiplyDims(a, b), b)).toBe(a);
      }),
    );
  });
});
