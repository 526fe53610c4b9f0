import { EspalierError } from '../core/index.ts';
import { byteLength, type DataType, dataTypeNumber, elementSize } from '../tensor/index.ts';
import { DeviceMemory } from './device-memory.ts';
import { ort, receive } from './ffi/ort.ts';
import { handle, NativeHandle, type NativeMemory, pointer, type Pointer } from '../native/index.ts';

/** The memory that a tensor can be over. */
export type TensorMemory = NativeMemory | DeviceMemory;

/** An ONNX Runtime tensor over a part of a memory of the host, or the beginning of one of a device, to be bound to a session. Creating one copies nothing. */
export class OrtTensor<Memory extends TensorMemory = NativeMemory> {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly memory: Memory;
  readonly byteOffset: number;
  /** @internal */
  readonly [pointer]: Pointer;
  /** @internal */
  readonly [handle]: NativeHandle;

  /**
   * Creates a tensor over the bytes from `byteOffset` on, which is 0 in memory of a device. The tensor keeps the memory alive until the
   * tensor is disposed.
   *
   * @throws EspalierError MEMORY_OUT_OF_BOUNDS, MEMORY_MISALIGNED, SHAPE_MISMATCH for a dimension that is not a valid size,
   *   DTYPE_UNSUPPORTED for strings, DISPOSED
   */
  static over<Memory extends TensorMemory>(
    memory: Memory,
    dtype: DataType,
    shape: readonly number[],
    byteOffset = 0,
  ): OrtTensor<Memory> {
    return new OrtTensor(memory, dtype, shape, byteOffset);
  }

  private constructor(memory: Memory, dtype: DataType, shape: readonly number[], byteOffset: number) {
    memory[handle].assertOpen();
    // WHY no strings: their values are C++ objects, which only ONNX Runtime can allocate.
    if (dtype === 'string') throw new EspalierError('DTYPE_UNSUPPORTED', { dtype, use: 'a tensor over memory' });
    const dims = dimsOf(shape);
    const bytes = byteLength(dtype, shape);
    const name = `A tensor ${dtype} [${shape.join(', ')}]`;
    assertRange(memory, { name, byteOffset, bytes });
    const size = elementSize(dtype);
    if (byteOffset % size !== 0) throw new EspalierError('MEMORY_MISALIGNED', { name, offset: byteOffset, size });
    const { api, hostMemory } = ort();
    const place = memory instanceof DeviceMemory ? memory.heap.info : hostMemory;
    const start = memory[pointer] + BigInt(byteOffset);
    const value = receive((out) =>
      api.CreateTensorWithDataAsOrtValue(place, start, bytes, dims, dims.length, dataTypeNumber(dtype), out),
    );
    this.dtype = dtype;
    this.shape = [...shape];
    this.memory = memory;
    this.byteOffset = byteOffset;
    this[pointer] = value;
    this[handle] = new NativeHandle('tensor', () => api.ReleaseValue(value), [memory[handle]]);
  }

  /** Whether it is on a device. */
  get isOnDevice(): boolean {
    return this.memory instanceof DeviceMemory;
  }

  /** Idempotent. A binding that uses the tensor keeps it alive until another tensor is bound in its place. */
  dispose(): void {
    this[handle].dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

interface Range {
  readonly name: string;
  readonly byteOffset: number;
  readonly bytes: number;
}

function assertRange(memory: TensorMemory, { name, byteOffset, bytes }: Range): void {
  if (!(memory instanceof DeviceMemory)) return memory.assertRange(name, byteOffset, bytes);
  const size = memory.byteLength;
  if (byteOffset === 0 && bytes <= size) return;
  throw new EspalierError('MEMORY_OUT_OF_BOUNDS', { name, start: byteOffset, end: byteOffset + bytes, size });
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
