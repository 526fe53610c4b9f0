import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digestBytes } from './digest-bytes.ts';
import { digestTensors } from './digest-tensors.ts';
import { digestOnWorkers, type DigestJob } from './digest-workers.ts';

const sizes = [3, 70_000, 65_536, 1, 200_001, 131_072, 90_000];

function jobOf(length: number, seed: number, memory: ArrayBufferLike): DigestJob {
  const numbers = new Float32Array(memory);
  for (let i = 0; i < length; i++) numbers[i] = Math.sin(i * 0.37 + seed);
  return { numbers, factor: seed % 2 === 0 ? 1 : 0.3 };
}

const shared = (): DigestJob[] => sizes.map((size, i) => jobOf(size, i, new SharedArrayBuffer(4 * size)));
const own = (): DigestJob[] => sizes.map((size, i) => jobOf(size, i, new ArrayBuffer(4 * size)));

/** The definition, in the plainest form. */
function plain({ numbers, factor }: DigestJob): string {
  const scaled = Float32Array.from(numbers, (value) => value * factor);
  return createHash('sha256').update(Buffer.from(scaled.buffer)).digest('hex');
}

describe('the digests of tensors', () => {
  it('are the same on other threads, in slices, and by the definition', async () => {
    const expected = own().map(plain);
    expect((await digestTensors(own())).map(({ sha256 }) => sha256)).toEqual(expected);
    expect((await digestTensors(shared())).map(({ sha256 }) => sha256)).toEqual(expected);
    const both = await Promise.all([digestOnWorkers(shared()), digestOnWorkers(shared().toReversed())]);
    expect(both[0]?.map(({ sha256 }) => sha256)).toEqual(expected);
    expect(both[1]?.map(({ sha256 }) => sha256)).toEqual(expected.toReversed());
  });

  it.each([NaN, Infinity, -Infinity])('tell that one number is %s, wherever it is', async (bad) => {
    for (const [tensor, index] of [
      [1, 0],
      [2, 65_535],
      [4, 200_000],
    ] as const) {
      const jobs = shared();
      const numbers = jobs[tensor]?.numbers;
      if (numbers) numbers[index] = bad;
      const finite = (await digestOnWorkers(jobs)).map(({ isFinite }) => isFinite);
      expect(finite).toEqual(sizes.map((_, i) => i !== tensor));
    }
  });

  it('take the largest finite numbers and the smallest', async () => {
    const numbers = Float32Array.of(3.4028234663852886e38, -3.4028234663852886e38, 1e-45, -0);
    expect(await digestTensors([{ numbers, factor: 1 }])).toMatchObject([{ isFinite: true }]);
  });
});

describe('the digest of bytes', () => {
  it.each([0, 1, 300_000, 2 ** 21 + 3])('is theirs, in slices and on another thread: %i', async (length) => {
    for (const memory of [new ArrayBuffer(length + 8), new SharedArrayBuffer(length + 8)]) {
      const bytes = new Uint8Array(memory, 5, length).map((_, i) => i * 7);
      const placed = new Uint8Array(memory, 5, length);
      placed.set(bytes);
      expect(await digestBytes(placed)).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });

  it('comes in its turn among those of tensors, of many at once', async () => {
    const tensors = Array.from({ length: 8 }, (_, i) => ({
      numbers: new Float32Array(new SharedArrayBuffer(2 ** 21)).fill(i + 0.5),
      factor: 1,
    }));
    const bytes = new Uint8Array(new SharedArrayBuffer(2 ** 22)).fill(3);
    const [digests, digest] = await Promise.all([digestOnWorkers(tensors), digestBytes(bytes)]);
    expect(digests.map(({ sha256 }) => sha256)).toEqual(tensors.map(plain));
    expect(digest).toBe(createHash('sha256').update(Buffer.from(bytes)).digest('hex'));
  });
});
