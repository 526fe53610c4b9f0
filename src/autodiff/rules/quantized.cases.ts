import { createRandom } from '../../core/index.ts';
import { microsoft } from '../emit.ts';
import type { CaseInput, GradientCase } from '../testing/gradient-case.ts';

/** Products with quantized weights. Their kernels exist in f32 only. */
export const quantizedCases: readonly GradientCase[] = [
  blocks('4 bits', { bits: 4, columns: 32, rows: 3, blockSize: 16 }),
  blocks('4 bits, zero points', { bits: 4, columns: 32, rows: 3, blockSize: 16, zeros: 'packed' }),
  blocks('4 bits, an odd number of blocks', { bits: 4, columns: 48, rows: 2, blockSize: 16, zeros: 'packed' }),
  blocks('4 bits, float zero points', { bits: 4, columns: 32, rows: 2, blockSize: 16, zeros: 'float' }),
  blocks('4 bits, a last block that is not full', { bits: 4, columns: 20, rows: 3, blockSize: 16 }),
  blocks('4 bits, one row', { bits: 4, columns: 32, rows: 1, blockSize: 32 }),
  blocks('8 bits', { bits: 8, columns: 32, rows: 3, blockSize: 16 }),
  blocks('8 bits, zero points', { bits: 8, columns: 32, rows: 3, blockSize: 16, zeros: 'packed' }),
  blocks('4 bits, bias', { bits: 4, columns: 32, rows: 3, blockSize: 32, bias: [3] }),
  blocks('4 bits, before opset 21', { bits: 4, columns: 32, rows: 3, blockSize: 16 }, { opset: 17 }),
  bnb4('NF4', { quant_type: 1, block_size: 16 }),
  bnb4('FP4', { quant_type: 0, block_size: 32 }),
];

/** W [3, 32] */
function bnb4(note: string, given: { readonly quant_type: number; readonly block_size: number }): GradientCase {
  const inputs = {
    A: ['batch=2', 'tokens=2', 32],
    B: bytes('B', [48]),
    absmax: { shape: [96 / given.block_size], range: [0.5, 1], constant: true },
  } as const;
  return { op: 'MatMulBnb4', domain: microsoft, note, dtype: 'float32', inputs, attributes: { K: 32, N: 3, ...given } };
}

interface Blocks {
  readonly bits: 4 | 8;
  readonly columns: number;
  readonly rows: number;
  readonly blockSize: number;
  readonly zeros?: 'packed' | 'float';
  readonly bias?: readonly number[];
}

function blocks(note: string, given: Blocks, more: Partial<GradientCase> = {}): GradientCase {
  const { bits, columns, rows, blockSize, bias } = given;
  const perRow = Math.ceil(columns / blockSize);
  const inputs = {
    A: ['batch=2', 'tokens=2', columns],
    B: bytes('B', [rows, perRow, (blockSize * bits) / 8]),
    scales: { shape: [rows, perRow], range: [0.05, 0.1], constant: true },
    zero_points: zeroPoints(given, perRow),
    g_idx: undefined,
    ...(bias && { bias }),
  } as const;
  const attributes = { K: columns, N: rows, bits, block_size: blockSize };
  return { op: 'MatMulNBits', domain: microsoft, note, dtype: 'float32', inputs, attributes, ...more };
}

function zeroPoints({ rows, bits, zeros }: Blocks, perRow: number): CaseInput | undefined {
  if (zeros === 'packed') return bytes('zero points', [rows, Math.ceil((perRow * bits) / 8)]);
  return zeros && { shape: [rows, perRow], range: [6, 9], constant: true };
}

function bytes(stream: string, shape: readonly number[]): CaseInput {
  const random = createRandom(5, stream);
  const count = shape.reduce((product, dim) => product * dim, 1);
  const values = Array.from({ length: count }, () => Math.floor(random.uniform() * 256));
  return { shape, dtype: 'uint8', values, constant: true };
}
