import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../core/index.ts';
import { createModel, Tape, zeroAfter } from '../../ir/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { productResults, toEven, type ProductResults } from '../testing/product-results.ts';
import { dequantizeAgain } from './dequantize-again.ts';
import { roundProducts } from './round-products.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

const [tokens, rows, columns] = [5, 37, 21];
const random = createRandom(3, 'rounded');
/** Tokens of very different sizes, one of which is all zeros. */
const x = Float32Array.from({ length: tokens * rows }, (_, i) => {
  const token = Math.floor(i / rows);
  return token === 3 ? 0 : random.normal() * 10 ** (token - 2);
});
/** At most 63: pairs of products then fit into 16 bits on any processor. */
const levels = Array.from({ length: rows * columns }, () => Math.round((random.uniform() - 0.5) * 126));
const scales = Float32Array.from({ length: columns }, () => 0.01 + random.uniform());

/** y = x·W, and the gradient of Σ y²/2 with respect to x, whose gradient with respect to y is y. */
async function computed(isSigned: boolean, middle = 128): Promise<ProductResults> {
  const model = createModel();
  const input = model.graph.addInput('x', 'float32', ['tokens', rows]);
  const tape = new Tape(model);
  const bytes = isSigned
    ? tensorOf('int8', [rows, columns], Int8Array.from(levels))
    : tensorOf(
        'uint8',
        [rows, columns],
        Uint8Array.from(levels, (level) => level + middle),
      );
  const middles = isSigned ? [] : [tape.constant(tensorOf('uint8', [columns], new Uint8Array(columns).fill(middle)))];
  const scale = tape.op('Add', [
    tape.constant(tensorOf('float32', [columns], scales)),
    zeroAfter(tape, input, 'float32'),
  ]);
  const matrix = tape.op('DequantizeLinear', [tape.constant(bytes), scale, ...middles], { attributes: { axis: 1 } });
  const y = tape.op('Gemm', [input, matrix]);
  return productResults(tape, {
    environment,
    passes: [dequantizeAgain, roundProducts],
    input,
    x: tensorOf('float32', [tokens, rows], x),
    y,
  });
}

/** s · (round(127 · v / s) ⊗ matrix) / 127 of one row. */
function product(row: readonly number[], width: number, entry: (i: number, j: number) => number): number[] {
  const size = Math.max(1e-30, ...row.map(Math.abs));
  const bytes = row.map((value) => toEven(Math.fround(Math.fround(value / size) / Math.fround(1 / 127))));
  return Array.from(
    { length: width },
    (_, j) => (size * bytes.reduce((sum, byte, i) => sum + byte * entry(i, j), 0)) / 127,
  );
}

const level = (i: number, j: number): number => levels[i * columns + j] ?? NaN;

describe('products of bytes', () => {
  it.each([true, false])(
    'are those of rounded rows, forwards and backwards, with signed weights: %s',
    async (isSigned) => {
      const { y, dx, operators } = await computed(isSigned);
      expect(operators.filter((each) => each === 'MatMulIntegerToFloat')).toHaveLength(2);
      expect(operators).not.toContain('DequantizeLinear');
      for (let token = 0; token < tokens; token++) {
        const row = [...x.subarray(token * rows, (token + 1) * rows)];
        const expected = product(row, columns, (i, j) => level(i, j) * (scales[j] ?? NaN));
        const own = [...y.subarray(token * columns, (token + 1) * columns)];
        expectClose(own, expected);
        // The gradient of y is y: what the backward product rounds is what the forward product gave.
        const z = own.map((value, j) => Math.fround(value * (scales[j] ?? NaN)));
        expectClose(
          [...dx.subarray(token * rows, (token + 1) * rows)],
          product(z, rows, (j, i) => level(i, j)),
        );
      }
    },
  );

  it('stay those of floats where zero is not in the middle of the bytes', async () => {
    const { y, operators } = await computed(false, 120);
    expect(operators).not.toContain('MatMulIntegerToFloat');
    for (let token = 0; token < tokens; token++) {
      const row = [...x.subarray(token * rows, (token + 1) * rows)];
      const exact = Array.from({ length: columns }, (_, j) =>
        row.reduce((sum, value, i) => sum + value * level(i, j) * (scales[j] ?? NaN), 0),
      );
      expectClose([...y.subarray(token * columns, (token + 1) * columns)], exact, 1e-5);
    }
  });
});

function expectClose(actual: readonly number[], expected: readonly number[], bound = 1e-6): void {
  const largest = Math.max(1e-30, ...expected.map(Math.abs));
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => expect(Math.abs(value - (expected[i] ?? NaN)) / largest).toBeLessThan(bound));
}
