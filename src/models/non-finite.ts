/**
 * The exponent bits of a type, and the number whose addition carries into the sign bit when all of them are set. For half-width types
 * each holds two floats.
 */
interface ExponentBits {
  readonly mask: number;
  readonly one: number;
  readonly carry: number;
}

const exponents = {
  float32: { mask: 0x7f800000, one: 0x00800000, carry: 0x80000000 },
  bfloat16: { mask: 0x7f807f80, one: 0x00800080, carry: 0x80008000 },
  float16: { mask: 0x7c007c00, one: 0x04000400, carry: 0x80008000 },
} as const satisfies Record<string, ExponentBits>;

export type FloatType = keyof typeof exponents;

/**
 * Whether these floats contain a NaN or an infinity. In both, every exponent bit is set, so adding one to the exponent carries into
 * the sign bit. The loop therefore needs no branch, and it checks two half-width floats at a time.
 *
 * @param words  the floats' bits, 32 at a time
 */
export function hasNonFinite(words: Uint32Array, dtype: FloatType): boolean {
  const { mask, one, carry } = exponents[dtype];
  let carried = 0;
  for (let i = 0; i < words.length; i++) carried |= ((words[i] ?? 0) & mask) + one;
  return (carried & carry) !== 0;
}
