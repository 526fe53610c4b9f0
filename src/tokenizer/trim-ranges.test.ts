import { expect, it } from 'vitest';

import { trimRanges } from './trim-ranges.ts';

const trim = (text: string, written: string, addsSpace: boolean): number[] =>
  trimRanges(text, { ranges: [{ start: 0, end: text.length }], written: [written] }, { addsSpace }).flatMap((range) => [
    range.start,
    range.end,
  ]);

// The offsets of the Rust library's byte-level post-processor.
it.each([
  [' a ', 'ĠaĠ', false, [1, 2]],
  [' a', 'Ġa', true, [0, 2]],
  ['  ', 'ĠĠ', true, [2, 2]],
  [' ', 'Ġ', true, [0, 0]],
  [' ', 'Ġ', false, [1, 1]],
  ['😀x', 'Ġx', false, [2, 3]],
  ['x', 'aĠĠ', false, [0, 1]],
])('of %j, written as %j, where a space is put before texts: %j', (text, written, addsSpace, expected) => {
  expect(trim(text, written, addsSpace)).toEqual(expected);
});
