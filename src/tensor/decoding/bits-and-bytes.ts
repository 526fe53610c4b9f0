import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../half.ts';
import type { BytePlace, ReadPlace, UnitDecoder } from './unit-decoder.ts';

/** Where the numbers beside the codes of a bitsandbytes matrix lie. */
export interface BitsAndBytesPlaces {
  /** The factors of the blocks: f32, or with nested factors u8. */
  readonly absmax: BytePlace;
  /** f32 [16]: the number of each code. */
  readonly map: BytePlace;
  /** f32: the factors of the blocks of factors. */
  readonly nestedAbsmax?: BytePlace;
  /** f32 [256]: the number of each byte of `absmax`. */
  readonly nestedMap?: BytePlace;
}

/**
 * Codes of 4 bits of bitsandbytes, as f32. Blocks lie in the matrix row after row, whatever the width of a row. The first of two codes
 * is in the upper half of a byte.
 *
 *   w[i] = round(map[q[i]] · a[⌊i / blockSize⌋])
 *   a[b] = absmax[b],  or with nested factors  nestedMap[absmax[b]] · nestedAbsmax[⌊b / nestedBlockSize⌋] + offset
 *
 * WHY rounded: bitsandbytes gives the type of the matrix that was quantized, and multiplies with these numbers.
 *
 * @see Dettmers et al. 2023, "QLoRA", section 3
 */
export interface BitsAndBytes4 {
  readonly form: 'bitsandbytes4';
  /** The number of elements. */
  readonly count: number;
  readonly blockSize: number;
  /** The type to which each number is rounded. */
  readonly rounding: 'float32' | 'float16' | 'bfloat16';
  readonly nested?: { readonly blockSize: number; readonly offset: number };
  readonly places: BitsAndBytesPlaces;
}

/**
 * Bytes of bitsandbytes with one factor for each row, as f32 [rows, columns]:
 *
 *   w[r, c] = q[r, c] · scales[r] · (1 / 127)
 *
 * @see Dettmers et al. 2022, "LLM.int8()", section 2.2
 */
export interface BitsAndBytes8 {
  readonly form: 'bitsandbytes8';
  readonly rows: number;
  readonly columns: number;
  /** f32 [rows] */
  readonly places: { readonly scales: BytePlace };
}

/** The decoder of a matrix of 4 bits, whose units are blocks. */
export async function openBitsAndBytes4(
  codes: BytePlace,
  decoding: BitsAndBytes4,
  read: ReadPlace,
): Promise<UnitDecoder> {
  const { count, blockSize, places } = decoding;
  const [map, factors] = [float32s(await read(places.map)), await factorsOf(decoding, read)];
  const round = roundings[decoding.rounding];
  return {
    units: Math.ceil(count / blockSize),
    unitBytes: 4 * blockSize,
    byteLength: 4 * count,
    async decode(first, blocks) {
      const start = first * blockSize;
      const end = Math.min(count, start + blocks * blockSize);
      const place = { ...codes, offset: codes.offset + start / 2, length: Math.ceil((end - start) / 2) };
      const packed = await read(place);
      const values = new Float32Array(end - start);
      for (let i = 0; i < values.length; i++) {
        const code = ((packed[i >> 1] ?? 0) >> (i % 2 === 0 ? 4 : 0)) & 15;
        values[i] = (map[code] ?? 0) * (factors[first + Math.floor(i / blockSize)] ?? 0);
      }
      if (round !== undefined) for (let i = 0; i < values.length; i++) values[i] = round(values[i] ?? 0);
      return new Uint8Array(values.buffer);
    },
  };
}

const roundings: Readonly<Record<BitsAndBytes4['rounding'], ((value: number) => number) | undefined>> = {
  float32: undefined,
  float16: (value) => float16ToNumber(numberToFloat16(value)),
  bfloat16: (value) => bfloat16ToNumber(numberToBfloat16(value)),
};

/** The factor of each block: f32 [blocks] */
async function factorsOf({ nested, places }: BitsAndBytes4, read: ReadPlace): Promise<Float32Array> {
  const stored = await read(places.absmax);
  const { nestedAbsmax, nestedMap } = places;
  if (nested === undefined || nestedAbsmax === undefined || nestedMap === undefined) return float32s(stored);
  const [outer, map] = [float32s(await read(nestedAbsmax)), float32s(await read(nestedMap))];
  const offset = Math.fround(nested.offset);
  // WHY two roundings: bitsandbytes stores the product as f32 before it adds the offset.
  return Float32Array.from(
    stored,
    (byte, i) => Math.fround((map[byte] ?? 0) * (outer[Math.floor(i / nested.blockSize)] ?? 0)) + offset,
  );
}

function float32s(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer, 0, Math.floor(bytes.length / 4));
}

/** The decoder of a matrix of bytes, whose units are rows. */
export async function openBitsAndBytes8(
  codes: BytePlace,
  { rows, columns, places }: BitsAndBytes8,
  read: ReadPlace,
): Promise<UnitDecoder> {
  const scales = float32s(await read(places.scales));
  const step = Math.fround(1 / 127);
  return {
    units: rows,
    unitBytes: 4 * columns,
    byteLength: 4 * rows * columns,
    async decode(first, count) {
      const bytes = await read({ ...codes, offset: codes.offset + first * columns, length: count * columns });
      const levels = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
      // WHY two roundings: bitsandbytes multiplies in f32, from left to right.
      const values = Float32Array.from(levels, (level, i) => {
        return Math.fround(level * (scales[first + Math.floor(i / columns)] ?? 0)) * step;
      });
      return new Uint8Array(values.buffer);
    },
  };
}
