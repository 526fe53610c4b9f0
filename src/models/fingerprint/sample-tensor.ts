import { byteLength, elementSize, numberToBfloat16, toFloat32, type DataType } from '../../tensor/index.ts';

/** Number of runs of elements in a sample, spread from the beginning to the end of the tensor. */
const runs = 4;
/** Elements of a run if they are floats, bytes otherwise. */
const lengthOfRun = 256;

const floats: ReadonlySet<DataType> = new Set(['float32', 'float16', 'bfloat16', 'float64']);

/** Reads a part of a tensor. `offset` is in bytes from the beginning of the tensor. */
export type ReadPart = (offset: number, length: number) => Uint8Array | Promise<Uint8Array>;

/**
 * A sample of a tensor: 4 evenly spaced runs of 256 floats, or all floats if there are not more than these.
 *
 * Floats are rounded to bfloat16 and contribute 16 bits each. So weights in f32 and the same weights in bf16 have the same sample, and
 * so have f16 weights and the same weights in f32. Of other types, which may be packed, the runs are of bytes.
 */
export async function sampleTensor(
  { dtype, shape }: { readonly dtype: DataType; readonly shape: readonly number[] },
  read: ReadPart,
): Promise<Uint8Array> {
  const isFloat = floats.has(dtype);
  const size = isFloat ? elementSize(dtype) : 1;
  const parts: Uint8Array[] = [];
  for (const [start, count] of runsOf(byteLength(dtype, shape) / size)) {
    const bytes = await read(start * size, count * size);
    parts.push(isFloat ? rounded({ dtype, shape: [count], bytes }) : bytes);
  }
  return Buffer.concat(parts);
}

function runsOf(count: number): (readonly [start: number, count: number])[] {
  if (count <= runs * lengthOfRun) return count === 0 ? [] : [[0, count]];
  const last = count - lengthOfRun;
  return Array.from({ length: runs }, (_, i) => [Math.floor((i * last) / (runs - 1)), lengthOfRun]);
}

/** The upper 16 bits of the rounded floats, little-endian. */
function rounded(tensor: Parameters<typeof toFloat32>[0]): Uint8Array {
  const values = toFloat32(tensor);
  const halves = Buffer.alloc(2 * values.length);
  for (let i = 0; i < values.length; i++) halves.writeUInt16LE(numberToBfloat16(values[i] ?? 0), 2 * i);
  return halves;
}
