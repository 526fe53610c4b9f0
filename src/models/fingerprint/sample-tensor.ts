import { elementCount, elementSize, numberToBfloat16, toFloat32, type DataType } from '../../tensor/index.ts';

/** Runs of elements that are taken of a tensor, from its beginning to its end. */
const runs = 4;
const elementsOfRun = 256;

const floats: ReadonlySet<DataType> = new Set(['float32', 'float16', 'bfloat16', 'float64']);

/** Reads a part of a tensor, in bytes from its beginning. */
export type ReadPart = (offset: number, length: number) => Uint8Array | Promise<Uint8Array>;

/**
 * A sample of a tensor: 4 runs of 256 elements, evenly spaced, or all elements if it has no more than these.
 *
 * Floats are rounded to bfloat16, and 16 bits of each are in the sample. So weights in f32 and the same weights in bf16 have the same
 * sample, and f16 weights that were widened. Of other types the bytes are in the sample.
 */
export async function sampleTensor(
  { dtype, shape }: { readonly dtype: DataType; readonly shape: readonly number[] },
  read: ReadPart,
): Promise<Uint8Array> {
  const size = elementSize(dtype);
  const parts: Uint8Array[] = [];
  for (const [start, count] of runsOf(elementCount(shape))) {
    const bytes = await read(start * size, count * size);
    parts.push(floats.has(dtype) ? rounded({ dtype, shape: [count], bytes }) : bytes);
  }
  return Buffer.concat(parts);
}

function runsOf(count: number): (readonly [start: number, count: number])[] {
  if (count <= runs * elementsOfRun) return count === 0 ? [] : [[0, count]];
  const last = count - elementsOfRun;
  return Array.from({ length: runs }, (_, i) => [Math.floor((i * last) / (runs - 1)), elementsOfRun]);
}

/** The upper halves of the floats, little-endian. */
function rounded(tensor: Parameters<typeof toFloat32>[0]): Uint8Array {
  const values = toFloat32(tensor);
  const halves = Buffer.alloc(2 * values.length);
  for (let i = 0; i < values.length; i++) halves.writeUInt16LE(numberToBfloat16(values[i] ?? 0), 2 * i);
  return halves;
}
