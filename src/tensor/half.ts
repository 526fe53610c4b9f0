/**
 * Conversion between numbers and the 16 bits of half-precision floats. Narrowing rounds to nearest, ties to even. NaN stays
 * NaN; numbers above the range become infinities. @see IEEE 754-2019 §4.3.1
 */

// WHY shared scratch: it reinterprets the bits of one number. This is safe because nothing awaits between the write and the read.
const scratch = new Float32Array(1);
const bits = new Uint32Array(scratch.buffer);

function bitsOfFloat(value: number): number {
  scratch[0] = value;
  return bits[0] ?? 0;
}

/** Converts the 16 bits of an IEEE binary16 value to a number. */
export function float16ToNumber(half: number): number {
  const exponent = half & 0x7c00;
  const fraction = half & 0x3ff;
  if (exponent === 0) return (half & 0x8000 ? -fraction : fraction) * 2 ** -24;
  const sign = (half & 0x8000) << 16;
  // The exponent bias changes from 15 to 127. Infinities and NaN keep all exponent bits set.
  bits[0] = exponent === 0x7c00 ? sign | 0x7f800000 | (fraction << 13) : sign | (((half & 0x7fff) << 13) + 0x38000000);
  return scratch[0] ?? 0;
}

/** Rounds a number to binary32 and then to the nearest binary16. */
export function numberToFloat16(value: number): number {
  const word = bitsOfFloat(value);
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and above round up past the largest half
  if (magnitude < 0x38800000) return sign | roundToEven(Math.abs(scratch[0] ?? 0) * 2 ** 24); // subnormal: steps of 2^-24
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** Converts the 16 bits of a bfloat16 value, which are the upper half of a binary32, to a number. */
export function bfloat16ToNumber(half: number): number {
  bits[0] = half << 16;
  return scratch[0] ?? 0;
}

/** Rounds a number to binary32 and then to the nearest bfloat16. */
export function numberToBfloat16(value: number): number {
  const word = bitsOfFloat(value);
  if ((word & 0x7fffffff) > 0x7f800000) return ((word >>> 16) & 0x8000) | 0x7fc0;
  return ((word + 0x7fff + ((word >>> 16) & 1)) >>> 16) & 0xffff;
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest === 0.5) return floor + (floor % 2);
  return rest > 0.5 ? floor + 1 : floor;
}

/** Converts the 8 bits of a float with 4 bits of exponent (bias 7), 3 of fraction, no infinities and one NaN. @see ONNX float8e4m3fn */
export function float8ToNumber(byte: number): number {
  const [exponent, fraction] = [(byte >> 3) & 15, byte & 7];
  if ((byte & 127) === 127) return Number.NaN;
  const magnitude = exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10);
  return byte & 128 ? -magnitude : magnitude;
}
