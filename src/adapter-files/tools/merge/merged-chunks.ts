import { open } from 'node:fs/promises';
import { breathe, EspalierError } from '../../../core/index.ts';
import {
  byteLength,
  elementSize,
  numberToBfloat16,
  numberToFloat16,
  toFloat32,
  typedArray,
  zerosOf,
  type DataType,
} from '../../../tensor/index.ts';
import type { PlannedWeight } from './plan-merge.ts';

/** Numbers that are processed between two turns of the event loop. */
const numbersPerSlice = 2 ** 16;
/** Bytes that are copied at once if nothing changes. */
const bytesPerCopy = 2 ** 22;

interface Merging {
  readonly dtype: DataType;
  readonly signal: AbortSignal | undefined;
}

/** The bytes of one merged weight, a few rows at a time. Sums are computed in f64 and rounded once. */
export async function* mergedChunks(
  path: string,
  weight: PlannedWeight,
  { dtype, signal }: Merging,
): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  const read = async (start: number, length: number): Promise<Uint8Array> => {
    signal?.throwIfAborted();
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await file.read(bytes, done, length - done, weight.offset + start + done);
      if (bytesRead === 0) throw new EspalierError('SAFETENSORS_CHANGED', { path });
      done += bytesRead;
    }
    return bytes;
  };
  try {
    if (weight.update === undefined && dtype === weight.dtype) yield* copied(weight, read);
    else yield* changed(weight, dtype, read);
  } finally {
    await file.close();
  }
}

type Read = (start: number, length: number) => Promise<Uint8Array>;

async function* copied({ dtype, shape }: PlannedWeight, read: Read): AsyncGenerator<Uint8Array> {
  const total = byteLength(dtype, shape);
  for (let start = 0; start < total; start += bytesPerCopy) yield read(start, Math.min(bytesPerCopy, total - start));
}

async function* changed(weight: PlannedWeight, dtype: DataType, read: Read): AsyncGenerator<Uint8Array> {
  const { update } = weight;
  if (update?.measure !== undefined) {
    for await (const { values, row } of rowsOf(weight, read)) update.measure(values, row);
  }
  for await (const { values, row } of rowsOf(weight, read)) {
    update?.apply(values, row);
    yield encoded(values, dtype);
  }
}

/** The weight as f32, some rows at a time. */
async function* rowsOf({ dtype, shape, update }: PlannedWeight, read: Read) {
  const size = elementSize(dtype);
  const total = byteLength(dtype, shape) / size;
  const columns = update?.columns ?? 1;
  const step = Math.max(1, Math.floor(numbersPerSlice / columns)) * columns;
  for (let start = 0; start < total; start += step) {
    const count = Math.min(step, total - start);
    const bytes = await read(start * size, count * size);
    yield { values: Float32Array.from(toFloat32({ dtype, shape: [count], bytes })), row: start / columns };
    await breathe();
  }
}

function encoded(values: Float32Array, dtype: DataType): Uint8Array {
  const tensor = zerosOf(dtype, [values.length]);
  const target = typedArray(tensor);
  if (target instanceof Float32Array) target.set(values);
  else {
    const narrow = dtype === 'float16' ? numberToFloat16 : numberToBfloat16;
    for (let i = 0; i < values.length; i++) target[i] = narrow(values[i] ?? 0);
  }
  return tensor.bytes;
}
