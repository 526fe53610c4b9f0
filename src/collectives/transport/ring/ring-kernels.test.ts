import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../core/index.ts';
import { bytesOf, reduceInto } from '../../floats.ts';
import { segmentBytes } from './plan.ts';
import { createKernels, folded } from './ring-kernels.ts';

const kernels = createKernels();
const random = createRandom(1, 'kernels of the ring');
const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => random.integer(256));
const lengths = [0, 1, 3, 4, 100, 127, 128, 129, 4096, segmentBytes - 4, segmentBytes];

/** The checksum, word by word. */
function reference(payload: Uint8Array): number {
  const words = new Int32Array(32 * Math.ceil(payload.byteLength / 128));
  bytesOf(words).set(payload);
  const lanes = Int32Array.from({ length: 32 }, (_, lane) => lane);
  for (const [i, word] of words.entries()) {
    const sum = ((lanes[i % 32] ?? 0) + Math.imul(word, 0x85ebca77)) | 0;
    lanes[i % 32] = Math.imul((sum << 13) | (sum >>> 19), 0x9e3779b1);
  }
  return folded(lanes, payload.byteLength);
}

describe('the checksum of a ring', () => {
  it.each(lengths)('is that of its definition, for %i bytes, wherever they lie', (length) => {
    const payload = bytes(length);
    const expected = reference(payload);
    expect(kernels.checksum(payload)).toBe(expected);
    // What is left of a longer payload does not count.
    kernels.staging.fill(255);
    kernels.staging.set(payload);
    expect(kernels.checksum(kernels.staging.subarray(0, length))).toBe(expected);
  });

  it('finds every changed bit, zeros that are more or fewer, and words that are exchanged or change their signs together', () => {
    const payload = bytes(300);
    const all = new Set([kernels.checksum(payload)]);
    const add = (changed: Uint8Array): unknown => all.add(kernels.checksum(changed));
    for (let bit = 0; bit < 8 * payload.length; bit++) {
      const changed = payload.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      add(changed);
    }
    const [exchanged, signs] = [payload.slice(), payload.slice()];
    exchanged.copyWithin(0, 128, 132);
    exchanged.set(payload.subarray(0, 4), 128);
    for (const at of [3, 131]) signs[at] = (signs[at] ?? 0) ^ 128;
    for (const changed of [exchanged, signs, payload.subarray(0, 299), Uint8Array.from([...payload, 0])]) add(changed);
    expect(all.size).toBe(1 + 2400 + 4);
  });
});

describe.each(['sum', 'max'] as const)('the %s of a ring', (op) => {
  it.each(lengths.filter((length) => length % 4 === 0))('is that of the loop, bit for bit, for %i bytes', (length) => {
    // Numbers of all sizes, denormals and infinities among them.
    const numbers = (): Float32Array<ArrayBuffer> =>
      new Float32Array(bytes(length).buffer).map((x) => (x === x ? x : 0));
    const [own, other] = [numbers(), numbers()];
    const [expected, start] = [new Float32Array(length / 4 + 6).fill(9), 3];
    expected.set(own, start);
    const [actual, inPlace] = [expected.slice(), expected.slice()];
    reduceInto(expected, other, { op, start });
    expect(kernels.reduce(actual, bytesOf(other), { op, start })).toBeUndefined();
    kernels.staging.set(bytesOf(other));
    const checksum = kernels.reduce(inPlace, kernels.staging.subarray(0, length), { op, start, isChecked: true });
    const result = bytesOf(expected).subarray(4 * start, 4 * start + length);
    expect(checksum).toBe(length === 0 ? undefined : kernels.checksum(result));
    for (const one of [actual, inPlace]) expect(Buffer.compare(bytesOf(one), bytesOf(expected))).toBe(0);
  });

  it('keeps what is no number, and knows both zeros and doubles', () => {
    const into = Float32Array.of(NaN, 1, -0, 0);
    kernels.reduce(into, bytesOf(Float32Array.of(1, NaN, -0, -0)), { op, start: 0 });
    expect([...into]).toEqual([NaN, NaN, -0, 0]);
    const doubles = Float64Array.of(0, 1 / 3, 2);
    kernels.reduce(doubles, bytesOf(Float64Array.of(1e-20, 1)), { op, start: 1 });
    expect([...doubles]).toEqual(op === 'sum' ? [0, 1 / 3 + 1e-20, 3] : [0, 1 / 3, 2]);
  });
});
