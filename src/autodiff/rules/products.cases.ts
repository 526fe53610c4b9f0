import { float } from '../../ir/index.ts';
import { microsoft } from '../emit.ts';
import type { GradientCase } from '../testing/gradient-case.ts';

const flags = [0, 1] as const;
const pairs = flags.flatMap((transA) => flags.map((transB) => ({ transA, transB })));

/** Products of matrices. */
export const productCases: readonly GradientCase[] = [
  ...pairs.flatMap((trans): GradientCase[] => {
    const [A, B] = [trans.transA ? [4, 2] : [2, 4], trans.transB ? [3, 4] : [4, 3]];
    const attributes = { ...trans, alpha: float(0.5), beta: float(-2) };
    const [batchA, batchB] = [
      [2, ...A],
      [2, ...B],
    ];
    return [
      { op: 'Gemm', note: nameOf(trans), attributes: trans, inputs: { A, B } },
      { op: 'Gemm', note: `${nameOf(trans)}, alpha and beta`, attributes, inputs: { A, B, C: [2, 3] } },
      ...fused(nameOf(trans), { ...trans, alpha: float(0.5) }, [A, B]),
      ...fused(`${nameOf(trans)}, batches`, trans, [batchA, batchB]),
      ...fused(`${nameOf(trans)}, batches of A only`, trans, [batchA, B]),
      ...fused(`${nameOf(trans)}, broadcast batches`, trans, [
        [1, ...batchA],
        [3, 1, ...B],
      ]),
    ];
  }),
  ...[[3], [2, 1], [1, 3], [], [1]].map((C): GradientCase => ({
    op: 'Gemm',
    note: `C of shape [${C.join(', ')}]`,
    inputs: { A: [2, 4], B: [4, 3], C },
  })),
  { op: 'Gemm', note: 'symbolic', attributes: { transB: 1 }, inputs: { A: ['n=2', 4], B: [3, 4], C: ['n=2', 3] } },
  { op: 'Gemm', note: 'symbolic, bias', attributes: { transB: 1 }, inputs: { A: ['n=2', 4], B: [3, 4], C: [3] } },
  { op: 'Gemm', note: 'no rows', attributes: { transB: 1 }, inputs: { A: ['n=0', 4], B: [3, 4] } },
  { op: 'Gemm', note: 'A twice', attributes: { transB: 1 }, inputs: { A: [2, 4], 'A*': undefined } },
  matMul('matrices', [2, 4], [4, 3]),
  matMul('batches', [2, 3, 4], [2, 4, 3]),
  matMul('a matrix for all batches', [2, 3, 4], [4, 2]),
  matMul('a matrix for all batches of batches', [2, 1, 3, 4], [4, 2]),
  matMul('batches of B only', [3, 4], [2, 4, 2]),
  matMul('broadcast batches', [2, 1, 3, 4], [3, 4, 2]),
  matMul('row', [4], [4, 3]),
  matMul('row, batches', [4], [2, 4, 3]),
  matMul('column', [2, 4], [4]),
  matMul('column, batches', [2, 3, 4], [4]),
  matMul('row and column', [4], [4]),
  matMul('empty', [0, 4], [4, 3]),
  matMul('nothing in common', [2, 0], [0, 3]),
  { op: 'MatMul', note: 'symbolic', inputs: { A: ['b=2', 's=3', 4], B: [4, 2] } },
  { op: 'MatMul', note: 'symbolic batches', inputs: { A: ['b=2', 's=3', 4], B: ['b=2', 4, 's=3'] } },
  { op: 'MatMul', note: 'A twice', inputs: { A: [3, 3], 'A*': undefined } },
];

function matMul(note: string, A: readonly number[], B: readonly number[]): GradientCase {
  return { op: 'MatMul', note, inputs: { A, B } };
}

function fused(
  note: string,
  attributes: NonNullable<GradientCase['attributes']>,
  [A, B]: readonly [readonly number[], readonly number[]],
): GradientCase[] {
  return [{ op: 'FusedMatMul', domain: microsoft, note, attributes, inputs: { A, B } }];
}

function nameOf({ transA, transB }: { transA: number; transB: number }): string {
  return `${transA ? 'Aᵀ' : 'A'}·${transB ? 'Bᵀ' : 'B'}`;
}
