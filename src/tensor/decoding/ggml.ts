import { elementSize } from '../data-type.ts';
import { toFloat32 } from '../tensor-data.ts';
import type { BytePlace, ReadPlace, UnitDecoder } from './unit-decoder.ts';
import { ggmlFormats, type GgmlFormat, type GgmlFormatName } from './ggml-formats.ts';

const floatTypes = ['float32', 'float16', 'bfloat16'] as const;

/** Elements that are weights as they lie, in no blocks. */
export type GgmlFloat = (typeof floatTypes)[number];

export function isGgmlFloat(type: string): type is GgmlFloat {
  return floatTypes.some((each) => each === type);
}

/**
 * A matrix of a GGUF file.
 *
 * - `floats`: f32 [rows, columns].
 * - `levels`: unsigned integers as MatMulNBits reads them, q plus the middle of their range: u8 [rows, columns], or with 4 bits
 *   [rows, columns / 2], the first of two in the lower half. Only of Q8_0 and Q4_0, which need nothing else than scales.
 * - `scales`: f32 [rows, blocks], one for each 32 elements.
 */
export interface Ggml {
  readonly form: 'ggml';
  readonly type: GgmlFormatName | GgmlFloat;
  readonly part: 'floats' | 'levels' | 'scales';
  readonly rows: number;
  readonly columns: number;
  /**
   * llama.cpp interleaves the rows of the two halves of each of these heads, and the decoded rows lie in the order of the checkpoint
   * again: (head, i, half) becomes (head, half, i). Default: rows are in order.
   */
  readonly heads?: number;
  /** What is added to each number, where the converter has changed it. Default: 0. */
  readonly raise?: number;
  readonly places: Readonly<Record<string, never>>;
}

/** The number of bits of the levels. */
export const levelBits = { Q8_0: 8, Q4_0: 4 } as const;

export function hasLevels(type: string): type is keyof typeof levelBits {
  return Object.hasOwn(levelBits, type);
}

/** The decoder of a matrix, whose units are rows. */
export function openGgml(stored: BytePlace, decoding: Ggml, read: ReadPlace): UnitDecoder {
  const { rows, columns, heads } = decoding;
  const line = lineOf(decoding);
  const rowBytes = stored.length / rows;
  const headRows = heads === undefined ? 1 : rows / heads;
  return {
    units: rows,
    unitBytes: line.bytes,
    byteLength: line.bytes * rows,
    async decode(first, count) {
      const start = Math.floor(first / headRows) * headRows;
      const end = Math.ceil((first + count) / headRows) * headRows;
      const bytes = await read({
        ...stored,
        offset: stored.offset + start * rowBytes,
        length: (end - start) * rowBytes,
      });
      const result = new Uint8Array(line.bytes * count);
      for (let row = first; row < first + count; row++) {
        const source = heads === undefined ? row : interleavedRow(row, headRows);
        const from = bytes.subarray((source - start) * rowBytes, (source - start + 1) * rowBytes);
        line.decode(from, result.subarray((row - first) * line.bytes, (row - first + 1) * line.bytes), columns);
      }
      return result;
    },
  };
}

/** Where llama.cpp has put a row of a head. */
function interleavedRow(row: number, headRows: number): number {
  const [head, rest, half] = [Math.floor(row / headRows), row % headRows, headRows / 2];
  return head * headRows + (rest % half) * 2 + Math.floor(rest / half);
}

interface Line {
  /** The size of a decoded row. */
  readonly bytes: number;
  readonly decode: (from: Uint8Array, to: Uint8Array, columns: number) => void;
}

function lineOf({ type, part, columns, raise = 0 }: Ggml): Line {
  if (isGgmlFloat(type)) {
    const decode: Line['decode'] = (from, to) => {
      const bytes = from.slice(0, columns * elementSize(type));
      const values = toFloat32({ dtype: type, shape: [columns], bytes });
      to.set(bytesOf(raise === 0 ? values : values.map((value) => value + raise)));
    };
    return { bytes: 4 * columns, decode };
  }
  if (raise !== 0) throw new TypeError('only floats are raised');
  const format: GgmlFormat = ggmlFormats[type];
  if (part === 'floats') return { bytes: 4 * columns, decode: (from, to) => decodeFloats(format, from, to) };
  if (part === 'scales') return { bytes: (4 * columns) / 32, decode: (from, to) => decodeScales(format, from, to) };
  if (!hasLevels(type)) throw new TypeError(`${type} has no levels`);
  const bits = levelBits[type];
  return { bytes: (columns * bits) / 8, decode: (from, to) => decodeLevels(format, bits, from, to) };
}

// WHY these are reused: rows are short, and nothing awaits between the writes and the reads.
const codes = new Int16Array(256);
const scales = new Float32Array(16);
const mins = new Float32Array(16);

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function decodeFloats(format: GgmlFormat, from: Uint8Array, to: Uint8Array): void {
  const { elements, bytes, share, hasMins } = format;
  const block = viewOf(from);
  const q = codes.subarray(0, elements);
  const values = new Float32Array(to.byteLength / 4);
  for (let start = 0, at = 0; start < values.length; start += elements, at += bytes) {
    format.factors(block, at, scales, mins);
    format.codes(block, at, q);
    for (let i = 0; i < elements; i++) {
      const run = Math.floor(i / share);
      const product = (scales[run] ?? 0) * (q[i] ?? 0);
      // WHY two roundings: llama.cpp rounds the product to f32 before it subtracts.
      values[start + i] = hasMins ? Math.fround(product) - (mins[run] ?? 0) : product;
    }
  }
  to.set(bytesOf(values));
}

function decodeScales(format: GgmlFormat, from: Uint8Array, to: Uint8Array): void {
  const block = viewOf(from);
  const values = new Float32Array(to.byteLength / 4);
  for (let i = 0; i < values.length; i++) {
    format.factors(block, i * format.bytes, scales, mins);
    values[i] = scales[0] ?? 0;
  }
  to.set(bytesOf(values));
}

function decodeLevels(format: GgmlFormat, bits: 4 | 8, from: Uint8Array, to: Uint8Array): void {
  const { elements, bytes } = format;
  const block = viewOf(from);
  const q = codes.subarray(0, elements);
  const middle = 2 ** (bits - 1);
  for (let at = 0, out = 0; at < from.byteLength; at += bytes) {
    format.codes(block, at, q);
    if (bits === 8) for (let i = 0; i < elements; i++) to[out++] = (q[i] ?? 0) + middle;
    else for (let i = 0; i < elements; i += 2) to[out++] = ((q[i] ?? 0) + middle) | (((q[i + 1] ?? 0) + middle) << 4);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
