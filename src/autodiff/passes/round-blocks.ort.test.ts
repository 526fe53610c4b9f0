import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../core/index.ts';
import { createModel, roundedInputKey, Tape } from '../../ir/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { productResults, toEven, type ProductResults } from '../testing/product-results.ts';
import { roundProducts } from './round-products.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

const [tokens, columns, rows, blockSize] = [5, 96, 21, 16];
const blocks = columns / blockSize;

interface Form {
  readonly bits: 4 | 8;
  readonly zeros: boolean;
  readonly isRounded?: boolean;
}

interface Weight {
  readonly bytes: readonly number[];
  readonly zeroBytes: readonly number[];
  readonly scales: readonly number[];
  readonly levels: readonly number[];
  readonly middles: readonly number[];
  readonly floats: readonly (readonly number[])[];
}

/** W [rows, columns] in blocks, as numbers and as MatMulNBits reads them. Blocks and rows have very different sizes. */
function weight({ bits, zeros }: Form): Weight {
  const random = createRandom(3, 'blocks');
  const top = 2 ** bits - 1;
  const number = (): number => Math.floor(random.uniform() * (top + 1));
  const numbers = Array.from({ length: rows * columns }, number);
  // The bytes of the last row are at both ends of the range, which products of signed bytes must reach exactly.
  for (let k = 0; k < columns; k++) numbers[(rows - 1) * columns + k] = k % 2 === 0 ? 0 : top;
  const scales = Array.from({ length: rows * blocks }, (_, i) => (0.01 + random.uniform()) * 10 ** ((i % 3) - 1));
  const middles = Array.from({ length: rows * blocks }, () => (zeros ? number() : (top + 1) / 2));
  const block = (n: number, k: number): number => n * blocks + Math.floor(k / blockSize);
  const floats = Array.from({ length: rows }, (_, n) =>
    Array.from({ length: columns }, (__, k) => {
      const level = (numbers[n * columns + k] ?? NaN) - (middles[block(n, k)] ?? NaN);
      return level * Math.fround(scales[block(n, k)] ?? NaN);
    }),
  );
  return {
    bytes: packed(numbers, bits),
    zeroBytes: packed(middles, bits),
    scales,
    levels: numbers,
    middles,
    floats,
  };
}

function packed(numbers: readonly number[], bits: 4 | 8): number[] {
  if (bits === 8) return [...numbers];
  return Array.from({ length: numbers.length / 2 }, (_, i) => (numbers[2 * i] ?? 0) + 16 * (numbers[2 * i + 1] ?? 0));
}

const x = Float32Array.from({ length: tokens * columns }, (_, i) => Math.sin(i) * 10 ** (Math.floor(i / columns) - 2));

/** y = x·Wᵀ, and the gradient of Σ y²/2 with respect to x, whose gradient with respect to y is y. */
async function computed(form: Form): Promise<ProductResults> {
  const { bytes, scales, zeroBytes } = weight(form);
  const { bits } = form;
  const model = createModel();
  const input = model.graph.addInput('x', 'float32', ['tokens', columns]);
  const tape = new Tape(model);
  const y = tape.op(
    'MatMulNBits',
    [
      input,
      tape.constant(tensorOf('uint8', [rows, blocks, (blockSize * bits) / 8], Uint8Array.from(bytes))),
      tape.constant(tensorOf('float32', [rows * blocks], scales)),
      ...(form.zeros
        ? [tape.constant(tensorOf('uint8', [(rows * blocks * bits) / 8], Uint8Array.from(zeroBytes)))]
        : []),
    ],
    {
      domain: 'com.microsoft',
      attributes: { K: columns, N: rows, bits, block_size: blockSize },
      metadata: form.isRounded === false ? {} : { [roundedInputKey]: '8 bits' },
    },
  );
  return productResults(tape, {
    environment,
    passes: [roundProducts],
    input,
    x: tensorOf('float32', [tokens, columns], x),
    y,
    config: { 'session.disable_prepacking': '1' },
  });
}

const largest = (row: readonly number[]): number => Math.max(1e-30, ...row.map(Math.abs));

/** The row as a product of bytes reads it: 255 levels of its own. */
function rounded(row: readonly number[]): number[] {
  const size = largest(row);
  const level = (value: number): number => toEven(Math.fround(Math.fround(value / size) / Math.fround(1 / 127)));
  return row.map((value) => (level(Math.fround(value)) * size) / 127);
}

/** The bytes of each row of W, and what they are worth. Computed in f32 as the graph does, so that halves are rounded alike. */
function bytesOf(form: Form): { bytes: number[][]; sizes: number[] } {
  const { scales, levels, middles } = weight(form);
  const step = (i: number): number => Math.fround(scales[i] ?? NaN);
  const all = Array.from({ length: rows }, (_, n) => n);
  const sizes = all.map((n) => {
    const own = Array.from({ length: blocks }, (_, b) => step(n * blocks + b));
    return Math.fround(Math.max(...own) * Math.fround((form.bits === 4 ? 15 : 128) / 127));
  });
  const bytes = all.map((n) =>
    Array.from({ length: columns }, (_, k) => {
      const i = n * blocks + Math.floor(k / blockSize);
      const each = Math.fround(step(i) / (sizes[n] ?? NaN));
      return toEven(Math.fround(((levels[n * columns + k] ?? NaN) - (middles[i] ?? NaN)) * each));
    }),
  );
  return { bytes, sizes };
}

describe('products of blocks as bytes', () => {
  it.each([
    { bits: 4, zeros: true },
    { bits: 4, zeros: false },
    { bits: 8, zeros: false },
  ] as const)('are those of rounded rows, forwards and backwards: %o', async (form) => {
    const { y, dx, operators } = await computed(form);
    expect(operators.filter((each) => each === 'MatMulIntegerToFloat')).toHaveLength(2);
    expect(operators.filter((each) => each === 'MatMulNBits' || each === 'Gemm' || each === 'MatMul')).toEqual([]);
    const { bytes, sizes } = bytesOf(form);
    expect(Math.max(...bytes.flat().map(Math.abs))).toBeGreaterThan(form.zeros ? 100 : 60);
    for (let token = 0; token < tokens; token++) {
      const levels = rounded([...x.subarray(token * columns, (token + 1) * columns)]);
      const expected = bytes.map(
        (row, n) => (sizes[n] ?? NaN) * row.reduce((sum, w, k) => sum + w * (levels[k] ?? NaN), 0),
      );
      const own = [...y.subarray(token * rows, (token + 1) * rows)];
      expectClose(own, expected);
      // The gradient of y is y. Its rows are rounded after the scales were multiplied.
      const gradients = rounded(own.map((value, n) => Math.fround(value * (sizes[n] ?? NaN))));
      const back = Array.from({ length: columns }, (_, k) =>
        gradients.reduce((sum, value, n) => sum + value * (bytes[n]?.[k] ?? NaN), 0),
      );
      expectClose([...dx.subarray(token * columns, (token + 1) * columns)], back);
    }
  });

  it('are near the products of the blocks', async () => {
    const { y, operators } = await computed({ bits: 4, zeros: true });
    expect(operators).toContain('MatMulIntegerToFloat');
    const exact = weight({ bits: 4, zeros: true }).floats.map((row) => dot(row, x.subarray(0, columns)));
    expectClose([...y.subarray(0, rows)], exact, 0.03);
  });

  it.each([
    ['serving does not round', { bits: 4, zeros: true, isRounded: false }],
    ['the range of 8 bits is not around zero', { bits: 8, zeros: true }],
  ] as const)('stay those of floats where %s', async (_, form) => {
    const { y, operators } = await computed(form);
    expect(operators).not.toContain('MatMulIntegerToFloat');
    const exact = weight(form).floats.map((row) => dot(row, x.subarray(0, columns)));
    expectClose([...y.subarray(0, rows)], exact);
  });
});

function dot(a: readonly number[], b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? NaN), 0);
}

function expectClose(actual: readonly number[], expected: readonly number[], bound = 1e-6): void {
  const size = largest(expected);
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => expect(Math.abs(value - (expected[i] ?? NaN)) / size).toBeLessThan(bound));
}
