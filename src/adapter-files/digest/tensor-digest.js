// @ts-check
/**
 * Checking and hashing the numbers of one tensor.
 *
 * WHY JavaScript: a worker thread of Node 20 loads this file as it is, from the sources as from the build.
 */
import { createHash, hash as hashOnce } from 'node:crypto';

/** Numbers between two steps: a fraction of a millisecond. */
const numbersPerStep = 2 ** 16;

/** All exponent bits of an f32 are set in NaN and in the infinities only. */
const exponentBits = 0x7f800000;

/**
 * @typedef {object} TensorDigest
 * @property {string} sha256  of the numbers, each times the factor and rounded to f32, little-endian; in hexadecimal
 * @property {boolean} isFinite  whether no number is NaN or infinite
 */

/**
 * Yields wherever other tasks may run.
 *
 * @param {Float32Array} numbers
 * @param {number} factor
 * @returns {Generator<void, TensorDigest, void>}
 */
export function* digestSteps(numbers, factor) {
  if (numbers.length <= numbersPerStep) return digestOnce(numbers, factor);
  const hash = createHash('sha256');
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  const scaled = factor === 1 ? undefined : new Float32Array(Math.min(numbers.length, numbersPerStep));
  let isFinite = true;
  for (let start = 0; start < numbers.length; start += numbersPerStep) {
    const end = Math.min(numbers.length, start + numbersPerStep);
    isFinite &&= allFinite(bits, start, end);
    if (scaled === undefined) hash.update(new Uint8Array(bits.buffer, bits.byteOffset + 4 * start, 4 * (end - start)));
    else hash.update(scaledBytes(numbers, { start, end, factor, scaled }));
    yield;
  }
  return { sha256: hash.digest('hex'), isFinite };
}

/**
 * WHY: most tensors of a small adapter have a few hundred numbers, and to make a hash for each takes longer than to use it.
 *
 * @param {Float32Array} numbers
 * @param {number} factor
 * @returns {TensorDigest}
 */
function digestOnce(numbers, factor) {
  const { buffer, byteOffset, byteLength, length } = numbers;
  const isFinite = allFinite(new Uint32Array(buffer, byteOffset, length), 0, length);
  const scaled = factor === 1 ? undefined : new Float32Array(length);
  const bytes =
    scaled === undefined
      ? new Uint8Array(buffer, byteOffset, byteLength)
      : scaledBytes(numbers, { start: 0, end: length, factor, scaled });
  return { sha256: hashOnce('sha256', bytes, 'hex'), isFinite };
}

/**
 * The same of the bytes of a file, whose numbers are not looked at.
 *
 * @param {Uint8Array} bytes
 * @returns {Generator<void, TensorDigest, void>}
 */
export function* bytesSteps(bytes) {
  const hash = createHash('sha256');
  for (let start = 0; start < bytes.length; start += 4 * numbersPerStep) {
    hash.update(bytes.subarray(start, start + 4 * numbersPerStep));
    yield;
  }
  return { sha256: hash.digest('hex'), isFinite: true };
}

/**
 * @param {Uint32Array} bits
 * @param {number} start
 * @param {number} end
 */
function allFinite(bits, start, end) {
  for (let i = start; i < end; i++) if (((bits[i] ?? 0) & exponentBits) === exponentBits) return false;
  return true;
}

/**
 * @param {Float32Array} numbers
 * @param {{ start: number, end: number, factor: number, scaled: Float32Array }} slice
 */
function scaledBytes(numbers, { start, end, factor, scaled }) {
  for (let i = start; i < end; i++) scaled[i - start] = (numbers[i] ?? 0) * factor;
  return new Uint8Array(scaled.buffer, 0, 4 * (end - start));
}
