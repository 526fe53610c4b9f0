import { describe, expect, it } from 'vitest';
import { byteLength, elementCount } from './data-type.ts';
import { tensorOf, toFloat32, typedArray } from './tensor-data.ts';

describe('byteLength', () => {
  it('counts a scalar as one element and rounds packed types up', () => {
    expect(elementCount([])).toBe(1);
    expect(byteLength('float32', [])).toBe(4);
    expect(byteLength('int64', [2, 3])).toBe(48);
    expect(byteLength('int4', [3])).toBe(2);
    expect(byteLength('float16', [4, 0])).toBe(0);
  });
});

describe('tensorOf', () => {
  it('copies values in, so that the source may change', () => {
    const values = new Float32Array([1, 2]);
    const tensor = tensorOf('float32', [2], values);
    values[0] = 9;
    expect([...typedArray(tensor)]).toEqual([1, 2]);
  });

  it('takes numbers and bigints for 64-bit integers', () => {
    expect([...typedArray(tensorOf('int64', [2], [-1, 2]))]).toEqual([-1n, 2n]);
    expect([...typedArray(tensorOf('int64', [1], [2n ** 62n]))]).toEqual([2n ** 62n]);
  });

  it('rounds half-width floats and gives them back as f32', () => {
    expect([...toFloat32(tensorOf('float16', [2], [1.5, 1e9]))]).toEqual([1.5, Infinity]);
    expect([...toFloat32(tensorOf('bfloat16', [2], [1.5, -3]))]).toEqual([1.5, -3]);
    expect([...toFloat32(tensorOf('float64', [1], [0.1]))]).toEqual([Math.fround(0.1)]);
  });

  it('refuses a count of values that is not that of the shape', () => {
    expect(() => tensorOf('float32', [2, 2], [1, 2, 3])).toThrow(
      'Expected shape [2, 2] for a new tensor, got 3 values',
    );
  });

  it('refuses to widen integers', () => {
    expect(() => toFloat32(tensorOf('int32', [1], [1]))).toThrow('int32 is not supported for conversion to float32');
  });
});

describe('typedArray', () => {
  it('is a view of aligned bytes, and a copy of unaligned ones', () => {
    const buffer = new Uint8Array(16);
    const view = typedArray({ dtype: 'float32', shape: [2], bytes: buffer.subarray(4, 12) });
    view[0] = 1;
    expect(buffer[7]).toBe(0x3f);
    const copy = typedArray({ dtype: 'float32', shape: [2], bytes: buffer.subarray(1, 9) });
    copy[1] = 7;
    expect(buffer.subarray(8)).toEqual(new Uint8Array(8));
  });
});
