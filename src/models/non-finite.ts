/**
 * The exponent bits of a type, and the number whose addition carries into the sign bit when all of them are set. For narrower types
 * each holds several floats.
 */
interface ExponentBits {
  readonly mask: number;
  readonly one: number;
  readonly carry: number;
}

const exponents = {
  float32: { mask: 0x7f800000, one: 0x00800000, carry: 0x80000000 },
  bfloat16: { mask: 0x7f807f80, one: 0x00800080, carry: 0x80008000 },
  /** It has no infinities; only NaN has all bits set but the sign. */
  float8e4m3fn: { mask: 0x7f7f7f7f, one: 0x01010101, carry: 0x80808080 },
  float16: { mask: 0x7c007c00, one: 0x04000400, carry: 0x80008000 },
} as const satisfies Record<string, ExponentBits>;

/** The types of floats that are checked. */
export type CheckedFloat = keyof typeof exponents;

/** The types of weights that Espalier writes. */
export type FloatType = Exclude<CheckedFloat, 'float8e4m3fn'>;

/**
 * Whether these floats contain a NaN or an infinity. In both, every exponent bit is set, so adding one to the exponent carries into
 * the sign bit. The loop therefore needs no branch, and it checks two half-width floats at a time.
 *
 * @param words  the floats' bits, 32 at a time
 */
export function hasNonFinite(words: Uint32Array, dtype: CheckedFloat): boolean {
  const { mask, one, carry } = exponents[dtype];
  let carried = 0;
  for (let i = 0; i < words.length; i++) carried |= ((words[i] ?? 0) & mask) + one;
  return (carried & carry) !== 0;
}
