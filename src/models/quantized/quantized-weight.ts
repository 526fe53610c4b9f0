import type { AdaptableModule } from '../../ir/index.ts';
import { elementCount } from '../../tensor/index.ts';
import type { QuantizedWeight, WeightRef } from '../weight-ref.ts';
import type { QuantizationConfig } from './quantization-config.ts';

/** The matrix of a module that can be quantized. Convolutions cannot. */
export interface QuantizableMatrix {
  readonly name: string;
  readonly kind: 'linear' | 'embedding';
  readonly rows: number;
  readonly columns: number;
}

/** Maps names in the checkpoint to the matrices of modules. A head that is tied to the embedding uses the matrix of the embedding. */
export function quantizableMatrices(modules: readonly AdaptableModule[]): Map<string, QuantizableMatrix> {
  const matrices = modules.flatMap(({ path, kind = 'linear', in: width, out }): QuantizableMatrix[] => {
    const name = `${path}.weight`;
    if (kind === 'linear') return [{ name, kind, rows: out, columns: width }];
    return kind === 'embedding' ? [{ name, kind, rows: width, columns: out }] : [];
  });
  return new Map(matrices.map((matrix) => [matrix.name, matrix]));
}

/** Counts the numbers that a weight represents, quantized or not. */
export function parameterCount({ shape, quantized }: Pick<WeightRef, 'shape' | 'quantized'>): number {
  return quantized === undefined ? elementCount(shape) : quantized.rows * quantized.columns;
}

/** Names of the tensors that belong to a quantized `<path>.weight`. */
export function companionNames(name: string): { readonly scales: string; readonly zeroPoints: string } {
  const path = name.replace(/\.weight$/, '');
  return { scales: `${path}.scales`, zeroPoints: `${path}.zero_points` };
}

/** A quantized weight, or a text that says why it is invalid. */
export type QuantizedResult =
  | {
      readonly weight: QuantizedWeight;
      readonly used: readonly string[];
      /** The tensor of the integers, where it is not that of the module's name. */
      readonly packed?: WeightRef;
    }
  | { readonly problem: string };

/**
 * Interprets a tensor of bytes as the quantized matrix of its module. The number of bits follows from the shapes.
 *
 * @param listed  every tensor of the checkpoint
 */
export function quantizedWeight(
  matrix: QuantizableMatrix,
  listed: ReadonlyMap<string, WeightRef>,
  { blockSize, activations }: QuantizationConfig,
): QuantizedResult {
  const { name, rows, columns } = matrix;
  const names = companionNames(name);
  const [packed, scales, zeroPoints] = [name, names.scales, names.zeroPoints].map((each) => listed.get(each));
  const problems = new Problems();
  if (packed === undefined || scales === undefined) return { problem: `${name} has no ${names.scales}` };
  const used = [names.scales, ...(zeroPoints ? [names.zeroPoints] : [])];
  if (packed.shape.length === 2) {
    const signed = packed.dtype === 'int8';
    problems.expect(packed, signed ? 'int8' : 'uint8', [columns, rows]).expect(scales, 'float32', [rows]);
    if (zeroPoints !== undefined) problems.add(`${names.zeroPoints} is unexpected`);
    if (matrix.kind === 'embedding') problems.add(`${name} is an embedding, which lies in blocks`);
    return problems.or({ weight: { kind: 'int8', rows, columns, signed, scales }, used });
  }
  const blocks = Math.ceil(columns / blockSize);
  const bits = packed.shape[2] === blockSize / 2 ? 4 : 8;
  problems.expect(packed, 'uint8', [rows, blocks, (blockSize * bits) / 8]).expect(scales, 'float32', [rows, blocks]);
  if (zeroPoints) problems.expect(zeroPoints, 'uint8', [rows, Math.ceil((blocks * bits) / 8)]);
  if (matrix.kind === 'embedding' && columns % blockSize !== 0) {
    problems.add(`${name} has rows of ${columns} numbers, no multiple of the blocks of ${blockSize}`);
  }
  const weight = { kind: 'blocks', rows, columns, bits, blockSize, activations, scales, zeroPoints } as const;
  return problems.or({ weight, used });
}

/** Collects what is wrong with the tensors of a matrix. */
export class Problems {
  readonly #found: string[] = [];

  get list(): readonly string[] {
    return this.#found;
  }

  add(problem: string): this {
    this.#found.push(problem);
    return this;
  }

  expect({ name, dtype, shape }: WeightRef, wanted: WeightRef['dtype'], expected: readonly number[]): this {
    if (dtype !== wanted || shape.join() !== expected.join()) {
      this.add(`${name} is ${dtype} [${shape.join(', ')}], expected ${wanted} [${expected.join(', ')}]`);
    }
    return this;
  }

  or(result: QuantizedResult): QuantizedResult {
    return this.#found.length === 0 ? result : { problem: this.#found.join('; ') };
  }
}
