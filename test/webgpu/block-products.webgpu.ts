import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/index.ts';
import { openGraph } from '../../src/execution/index.ts';
import { createModel, Tape } from '../../src/ir/index.ts';
import { maxDifference } from '../../src/models/testing/golden.ts';
import { openEnvironment, runOnce, type Environment, type ExecutionProvider } from '../../src/onnxruntime/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../../src/tensor/index.ts';
import { isShort, onWebGpu } from './cases.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment(onWebGpu);
});
afterAll(() => environment.dispose());

interface Product {
  readonly bits: 4 | 8;
  readonly block: number;
  readonly level: number;
  readonly zeros: boolean;
  readonly inner: number;
  readonly outer: number;
}

interface Operands {
  readonly x: TensorData;
  readonly packed: TensorData;
  readonly scales: TensorData;
  readonly zeroPoints: TensorData;
  /** x · Wᵀ in f64, with W as its integers say it. [rows, outer] */
  readonly exact: Float64Array;
}

/** Random operands. Levels of 4 bits are two in a byte, the first in its lower half. */
function operandsOf({ bits, block, zeros, inner, outer }: Product, rows: number): Operands {
  const random = createRandom(inner + outer + rows, 'blocks');
  const [blocks, middle, largest] = [Math.ceil(inner / block), 2 ** (bits - 1), 2 ** bits];
  const x = Float32Array.from({ length: rows * inner }, () => random.normal());
  const levels = Uint8Array.from({ length: outer * blocks * block }, () => random.integer(largest));
  const scales = Float32Array.from({ length: outer * blocks }, () => 0.01 + 0.02 * random.uniform());
  const points = Uint8Array.from({ length: outer * blocks }, () => (zeros ? random.integer(largest) : middle));
  const exact = new Float64Array(rows * outer);
  const weight = Float64Array.from({ length: outer * inner }, (_, at) => {
    const [o, i] = [Math.floor(at / inner), at % inner];
    const place = o * blocks + Math.floor(i / block);
    return (scales[place] ?? NaN) * ((levels[o * blocks * block + i] ?? NaN) - (points[place] ?? NaN));
  });
  for (let at = 0; at < exact.length; at++) {
    const [r, o] = [Math.floor(at / outer), at % outer];
    let sum = 0;
    for (let i = 0; i < inner; i++) sum += (x[r * inner + i] ?? NaN) * (weight[o * inner + i] ?? NaN);
    exact[at] = sum;
  }
  const bytesOfPoints = bits === 8 ? points : pairs(points, blocks);
  return {
    x: tensorOf('float32', [rows, inner], x),
    packed: tensorOf('uint8', [outer, blocks, (block * bits) / 8], bits === 8 ? levels : pairs(levels, block)),
    scales: tensorOf('float32', [outer * blocks], scales),
    zeroPoints: tensorOf('uint8', [bytesOfPoints.length], bytesOfPoints),
    exact,
  };
}

/** Two numbers of 4 bits in a byte; each row of `width` numbers begins at a byte. */
function pairs(numbers: Uint8Array, width: number): Uint8Array {
  const bytes = Math.ceil(width / 2);
  const packed = new Uint8Array((numbers.length / width) * bytes);
  numbers.forEach((number, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    packed[row * bytes + (column >> 1)] = (packed[row * bytes + (column >> 1)] ?? 0) | (number << (4 * (column & 1)));
  });
  return packed;
}

/** The product as WebGPU or the CPU gives it. */
async function productOf(
  product: Product,
  { x, ...rest }: Operands,
  provider: ExecutionProvider,
): Promise<Float32Array> {
  const { bits, block, level, zeros, inner, outer } = product;
  const model = createModel();
  const tape = new Tape(model);
  const weight = [rest.packed, rest.scales, ...(zeros ? [rest.zeroPoints] : [])].map((each) => tape.constant(each));
  const inputs = [model.graph.addInput('x', 'float32', ['rows', inner]), ...weight];
  const attributes = { K: inner, N: outer, bits, block_size: block, accuracy_level: level };
  model.graph.addOutput(tape.op('MatMulNBits', inputs, { domain: 'com.microsoft', attributes, outputName: 'y' }));
  using graph = await openGraph(model, { environment, baseDir: '.', session: { provider } });
  const { y } = await runOnce(graph.session, { x });
  return y ? toFloat32(y) : new Float32Array();
}

/** The largest difference, relative to the largest element. */
function errorOf(found: Float32Array, expected: ArrayLike<number>): number {
  const largest = Array.from(expected).reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return maxDifference(found, expected) / largest;
}

const sizes = [
  { inner: 128, outer: 64 },
  { inner: 256, outer: 96 },
  // The last block of a row is not full.
  { inner: 72, outer: 40 },
].slice(isShort ? 1 : 0);

const kinds = ([4, 8] as const).flatMap((bits) =>
  (isShort ? [32, 128] : [16, 32, 64, 128]).flatMap((block) =>
    (isShort ? [true] : [false, true]).map((zeros) => ({ bits, block, zeros })),
  ),
);

describe.each(kinds)(
  'products with weights of $bits bits in blocks of $block on WebGPU, zero points: $zeros',
  (kind) => {
    const cases = sizes.flatMap((size) => [1, 40].map((rows) => ({ size, rows })));

    it('are exact, and are made so where WebGPU would round their inputs more coarsely than the CPU', async () => {
      for (const level of kind.block < 128 ? [0, 4] : [0]) {
        for (const { size, rows } of cases) {
          const product = { ...kind, ...size, level };
          const operands = operandsOf(product, rows);
          const error = errorOf(await productOf(product, operands, 'webgpu'), operands.exact);
          expect({ ...product, rows, isExact: error < 1e-6 }).toEqual({ ...product, rows, isExact: true });
        }
      }
    });

    it.runIf(kind.block >= 128)('round their inputs as the CPU does at level 4, if at all', async () => {
      for (const { size, rows } of cases) {
        const product = { ...kind, ...size, level: 4 };
        const operands = operandsOf(product, rows);
        const found = await productOf(product, operands, 'webgpu');
        const onCpu = errorOf(found, await productOf(product, operands, 'cpu'));
        expect(Math.min(onCpu, errorOf(found, operands.exact))).toBeLessThan(1e-6);
      }
    });
  },
);
