import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noteWrittenNumbers, parseWithNumbers, withWrittenNumbers, writtenNumbersOf } from './written-numbers.ts';

/** The value with what is known of its numbers in their places. */
function told(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const numbers = writtenNumbersOf(value);
  const entries = Object.entries(value).map(([key, item]) => [key, numbers?.get(key) ?? told(item)] as const);
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

describe('how numbers of JSON are written', () => {
  it.each<[text: string, expected: unknown]>([
    ['{"a": 2.0, "b": 2, "c": 2.5, "d": 1e3, "e": 0.0}', { a: 'float', b: 2, c: 2.5, d: 'float', e: 'float' }],
    [
      '[12345678901234567890, 9007199254740993, -9007199254740993, 9007199254740991]',
      [12345678901234567890n, 9007199254740993n, -9007199254740993n, 9007199254740991],
    ],
    ['[-0, -0.0, 0]', [0n, -0, 0]],
    [
      '{"a": {"2.0": [1, [3.0]], "x": "1.0\\"2.0"}, "b": [{}, {"c": 4.0}]}',
      { a: { '2.0': [1, ['float']], x: '1.0"2.0' }, b: [{}, { c: 'float' }] },
    ],
    ['{"a": 2.0, "a": 2}', { a: 2 }],
    ['{"a": [2.0], "a": [2]}', { a: [2] }],
    ['{"a": 2, "a" : 2.0}', { a: 'float' }],
    ['{"\\u0061": 2.0}', { a: 'float' }],
    ['{"__proto__": {"a": 1.0}}', JSON.parse('{"__proto__": {"a": "float"}}')],
    ['2.0', 2],
    ['["\\\\", 1.0]', ['\\', 'float']],
  ])('is known of %s', async (text, expected) => {
    expect(told(parseWithNumbers(text))).toEqual(expected);
    const value: unknown = JSON.parse(text);
    await noteWrittenNumbers(text, value);
    expect(told(value)).toEqual(expected);
  });

  it('leaves the value as JSON.parse gives it', () => {
    const json = fc.jsonValue().map((value) => JSON.stringify(value, undefined, 1));
    const same = fc.property(json, (text) => {
      expect(parseWithNumbers(text)).toEqual(JSON.parse(text));
    });
    fc.assert(same);
  });

  it('reads no deeper than there is stack, and is handed to copies', () => {
    const deep = `${'['.repeat(2000)}1.0${']'.repeat(2000)}`;
    expect(() => parseWithNumbers(deep)).not.toThrow();
    const value = parseWithNumbers('{"a": 1.0}') as object;
    expect(told(withWrittenNumbers({ ...value, b: 1 }, value))).toEqual({ a: 'float', b: 1 });
  });
});
