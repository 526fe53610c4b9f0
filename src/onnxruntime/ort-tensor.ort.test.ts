import { afterEach, describe, expect, it } from 'vitest';
import type { DataType } from '../tensor/index.ts';
import { liveHandles } from '../native/native-handle.ts';
import { NativeMemory } from '../native/native-memory.ts';
import { OrtTensor } from './ort-tensor.ts';

afterEach(() => {
  if (Object.keys(liveHandles()).length > 0) throw new Error('A handle was left alive.');
});

describe('OrtTensor.over', () => {
  it('keeps its memory alive until it is disposed itself', () => {
    const memory = NativeMemory.allocate(64);
    const tensor = OrtTensor.over(memory, 'float32', [2, 4], 32);
    memory.dispose();
    expect(liveHandles()).toEqual({ memory: 1, tensor: 1 });
    tensor.dispose();
    tensor.dispose();
    expect(liveHandles()).toEqual({});
    expect(() => OrtTensor.over(memory, 'float32', [1])).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
  });

  it.each<{ dtype: DataType; shape: number[]; byteOffset: number }>([
    { dtype: 'float32', shape: [17], byteOffset: 0 },
    { dtype: 'float32', shape: [16], byteOffset: 4 },
    { dtype: 'int64', shape: [2, 2], byteOffset: 40 },
    { dtype: 'uint4', shape: [129], byteOffset: 0 },
    { dtype: 'float32', shape: [1], byteOffset: -4 },
  ])('refuses $dtype $shape at byte $byteOffset of 64', ({ dtype, shape, byteOffset }) => {
    using memory = NativeMemory.allocate(64);
    const make = () => OrtTensor.over(memory, dtype, shape, byteOffset);
    expect(make).toThrow(expect.objectContaining({ code: 'MEMORY_OUT_OF_BOUNDS' }));
  });

  it.each([{ shape: [-1] }, { shape: [1.5] }, { shape: [2, Number.NaN] }])('refuses the shape $shape', ({ shape }) => {
    using memory = NativeMemory.allocate(64);
    const make = () => OrtTensor.over(memory, 'float32', shape);
    expect(make).toThrow(expect.objectContaining({ code: 'SHAPE_MISMATCH' }));
  });

  it('refuses to begin within an element, and strings', () => {
    using memory = NativeMemory.allocate(64);
    const misaligned = () => OrtTensor.over(memory, 'int64', [1], 4);
    expect(misaligned).toThrow(expect.objectContaining({ code: 'MEMORY_MISALIGNED' }));
    const strings = () => OrtTensor.over(memory, 'string', [1]);
    expect(strings).toThrow(expect.objectContaining({ code: 'DTYPE_UNSUPPORTED' }));
  });

  it.each<DataType>(['float64', 'float16', 'bfloat16', 'int8', 'uint16', 'int32', 'bool', 'int4', 'uint4'])(
    'holds %s, scalars and empty shapes',
    (dtype) => {
      using memory = NativeMemory.allocate(64);
      for (const shape of [[], [0], [2, 4]]) {
        using tensor = OrtTensor.over(memory, dtype, shape);
        expect(tensor).toMatchObject({ dtype, shape, byteOffset: 0, memory });
      }
    },
  );
});
