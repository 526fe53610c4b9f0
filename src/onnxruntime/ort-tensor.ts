import { EspalierError } from '../core/index.ts';
import { byteLength, type DataType, dataTypeNumber, elementSize } from '../tensor/index.ts';
import { ort, receive } from './ffi/ort.ts';
import { handle, NativeHandle, type NativeMemory, pointer, type Pointer } from '../native/index.ts';

/** An ONNX Runtime tensor over a part of a `NativeMemory`, to be bound to a session. Creating one copies nothing. */
export class OrtTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly memory: NativeMemory;
  readonly byteOffset: number;
  /** @internal */
  readonly [pointer]: Pointer;
  /** @internal */
  readonly [handle]: NativeHandle;

  /**
   * Creates a tensor over the bytes from `byteOffset` on. The tensor keeps the memory alive until the tensor is disposed.
   *
   * @throws EspalierError MEMORY_OUT_OF_BOUNDS, MEMORY_MISALIGNED, SHAPE_MISMATCH for a dimension that is not a valid size,
   *   DTYPE_UNSUPPORTED for strings, DISPOSED
   */
  static over(memory: NativeMemory, dtype: DataType, shape: readonly number[], byteOffset = 0): OrtTensor {
    return new OrtTensor(memory, dtype, shape, byteOffset);
  }

  private constructor(memory: NativeMemory, dtype: DataType, shape: readonly number[], byteOffset: number) {
    memory[handle].assertOpen();
    // WHY no strings: their values are C++ objects, which only ONNX Runtime can allocate.
    if (dtype === 'string') throw new EspalierError('DTYPE_UNSUPPORTED', { dtype, use: 'a tensor over memory' });
    const dims = dimsOf(shape);
    const bytes = byteLength(dtype, shape);
    const name = `A tensor ${dtype} [${shape.join(', ')}]`;
    memory.assertRange(name, byteOffset, bytes);
    const size = elementSize(dtype);
    if (byteOffset % size !== 0) throw new EspalierError('MEMORY_MISALIGNED', { name, offset: byteOffset, size });
    const { api, hostMemory } = ort();
    const start = memory[pointer] + BigInt(byteOffset);
    const value = receive((out) =>
      api.CreateTensorWithDataAsOrtValue(hostMemory, start, bytes, dims, dims.length, dataTypeNumber(dtype), out),
    );
    this.dtype = dtype;
    this.shape = [...shape];
    this.memory = memory;
    this.byteOffset = byteOffset;
    this[pointer] = value;
    this[handle] = new NativeHandle('tensor', () => api.ReleaseValue(value), [memory[handle]]);
  }

  /** Idempotent. A binding that uses the tensor keeps it alive until another tensor is bound in its place. */
  dispose(): void {
    this[handle].dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** @throws EspalierError SHAPE_MISMATCH for a dimension that is not a valid size */
export function dimsOf(shape: readonly number[]): BigInt64Array {
  const dims = new BigInt64Array(shape.length);
  for (const [axis, dim] of shape.entries()) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      const actual = `[${shape.join(', ')}]`;
      throw new EspalierError('SHAPE_MISMATCH', { name: 'a tensor', expected: 'non-negative integers', actual });
    }
    dims[axis] = BigInt(dim);
  }
  return dims;
}
