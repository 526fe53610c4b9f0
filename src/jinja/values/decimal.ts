/**
 * |value| / 10^exponent as a whole number, rounded half to even on the exact value of the float, as Python rounds. JavaScript's `toFixed`
 * rounds halves up.
 */
export function scaledRound(value: number, exponent: number): bigint {
  const { mantissa, power } = parts(Math.abs(value));
  let numerator = mantissa;
  let denominator = 1n;
  if (power >= 0) numerator <<= BigInt(power);
  else denominator <<= BigInt(-power);
  if (exponent >= 0) denominator *= 10n ** BigInt(exponent);
  else numerator *= 10n ** BigInt(-exponent);
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  const up = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
}

/** A finite float as mantissa · 2^power, exactly. */
function parts(value: number): { readonly mantissa: bigint; readonly power: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  return exponent === 0
    ? { mantissa: fraction, power: -1074 }
    : { mantissa: fraction | (1n << 52n), power: exponent - 1075 };
}

/** |value| with `digits` digits after the point. */
export function fixedDigits(value: number, digits: number): string {
  const text = scaledRound(value, -digits)
    .toString()
    .padStart(digits + 1, '0');
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** |value| as `digits` + 1 significant digits and the exponent of the first. */
export function significantDigits(
  value: number,
  digits: number,
): { readonly digits: string; readonly exponent: number } {
  if (value === 0) return { digits: '0'.repeat(digits + 1), exponent: 0 };
  let exponent = Number(value.toExponential().split('e')[1]);
  let text = scaledRound(value, exponent - digits).toString();
  if (text.length > digits + 1) {
    exponent += 1;
    text = scaledRound(value, exponent - digits).toString();
  }
  return { digits: text, exponent };
}

/** |value| with an exponent, "1.50e+03". */
export function exponentDigits(value: number, digits: number, letter = 'e'): string {
  const found = significantDigits(value, digits);
  return withExponent(found.digits, found.exponent, letter);
}

function withExponent(digits: string, exponent: number, letter: string): string {
  const mantissa = digits.length === 1 ? digits : `${digits.slice(0, 1)}.${digits.slice(1)}`;
  const size = String(Math.abs(exponent)).padStart(2, '0');
  return `${mantissa}${letter}${exponent < 0 ? '-' : '+'}${size}`;
}

export interface GeneralOptions {
  /** Keeps zeros at the end. */
  readonly keepZeros?: boolean;
  /** Writes ".0" where there is no point, and an exponent one digit earlier: a float that is formatted without a letter. */
  readonly pointZero?: boolean;
}

/** |value| with `precision` significant digits, with an exponent where it is small or large: "%g". */
export function generalDigits(value: number, precision: number, options: GeneralOptions = {}): string {
  const { keepZeros = false, pointZero = false } = options;
  const wanted = Math.max(1, precision);
  const { digits, exponent } = significantDigits(value, wanted - 1);
  const trimmed = keepZeros ? digits : digits.replace(/0+$/, '') || '0';
  if (exponent < -4 || exponent >= wanted - (pointZero ? 1 : 0)) return withExponent(trimmed, exponent, 'e');
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${trimmed}`;
  const whole = trimmed.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const rest = trimmed.slice(exponent + 1);
  return rest !== '' ? `${whole}.${rest}` : pointZero ? `${whole}.0` : whole;
}

/** The name of what is not finite. */
export function notFinite(value: number): string {
  return Number.isNaN(value) ? 'nan' : 'inf';
}
