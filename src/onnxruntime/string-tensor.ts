import { EspalierError } from '../core/index.ts';
import { dataTypeNumber, elementCount, packStrings } from '../tensor/index.ts';
import { ort, receive } from './ffi/ort.ts';
import { handle, NativeHandle, pointer, type Pointer } from '../native/index.ts';
import { writeBytes } from './ffi/read-native.ts';
import { dimsOf } from './ort-tensor.ts';

/** A tensor of strings. ONNX Runtime owns its memory, because strings are C++ objects that only ONNX Runtime can allocate. */
export class StringTensor {
  readonly dtype = 'string';
  readonly shape: readonly number[];
  /** @internal */
  readonly [pointer]: Pointer;
  /** @internal */
  readonly [handle]: NativeHandle;

  /**
   * Creates a tensor from these elements, which are copied.
   * @throws EspalierError SHAPE_MISMATCH if the shape has another number of elements
   */
  static of(shape: readonly number[], elements: readonly Uint8Array[]): StringTensor {
    if (elementCount(shape) !== elements.length) {
      const expected = `${elementCount(shape)} strings`;
      throw new EspalierError('SHAPE_MISMATCH', { name: 'strings', expected, actual: String(elements.length) });
    }
    return new StringTensor(shape, elements);
  }

  private constructor(shape: readonly number[], elements: readonly Uint8Array[]) {
    const { api, allocator } = ort();
    const dims = dimsOf(shape);
    const type = dataTypeNumber('string');
    const value = receive((out) => api.CreateTensorAsOrtValue(allocator, dims, dims.length, type, out));
    this.shape = [...shape];
    this[pointer] = value;
    this[handle] = new NativeHandle('tensor', () => api.ReleaseValue(value));
    for (const [index, element] of elements.entries()) {
      const { byteLength } = element;
      writeBytes(
        receive((out) => api.GetResizedStringTensorElementBuffer(value, index, byteLength, out)),
        element,
      );
    }
  }

  /** Idempotent. A binding that uses the tensor keeps it alive until another tensor is bound in its place. */
  dispose(): void {
    this[handle].dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Reads the elements of a value of strings, packed (see `packStrings`). */
export function readStrings(value: Pointer, count: number): Uint8Array {
  const { api } = ort();
  if (count === 0) return new Uint8Array();
  const length = Number(receive((out) => api.GetStringTensorDataLength(value, out)));
  // WHY words: the buffers passed to the library consist of whole 64-bit words.
  const [words, offsets] = [new BigUint64Array(Math.ceil(length / 8) + 1), new BigUint64Array(count)];
  api.GetStringTensorContent(value, words, length, offsets, count);
  const bytes = new Uint8Array(words.buffer, 0, length);
  const ends = [...offsets.subarray(1), BigInt(length)];
  return packStrings(ends.map((end, i) => bytes.subarray(Number(offsets[i] ?? 0n), Number(end))));
}
