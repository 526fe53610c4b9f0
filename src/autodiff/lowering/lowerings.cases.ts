import { float } from '../../ir/index.ts';
import { microsoft } from '../emit.ts';
import type { CaseDim, GradientCase } from '../testing/gradient-case.ts';

const dtype = 'float32';
const groups = { dtype, attributes: { num_groups: 2 } } as const;
const rows = { input: ['n=3', 4], skip: ['n=3', 4], gamma: [4] } as const;

/** The lowered operators other than attention. The kernels of the norms exist in f32 only. */
export const loweringCases: readonly GradientCase[] = [
  skip('norm', rows),
  skip('beta and bias', { ...rows, beta: [4], bias: [4] }),
  { ...skip('norm and sum', { ...rows, beta: [4] }), outputs: 4, lossOf: [0, 3] },
  { op: 'InstanceNormalization', dtype, inputs: { X: [2, 3, 2, 3], scale: [3], B: [3] } },
  { op: 'InstanceNormalization', note: 'symbolic', dtype, inputs: { X: ['n=2', 2, 'w=4'], scale: [2], B: [2] } },
  { op: 'GroupNormalization', ...groups, inputs: { X: [2, 4, 3], scale: [4], B: [4] } },
  { op: 'GroupNormalization', ...groups, note: 'symbolic', inputs: { X: ['n=2', 4, 'w=2'], scale: [4], B: [4] } },
  {
    op: 'GroupNormalization',
    ...groups,
    note: 'before opset 21',
    opset: 18,
    inputs: { X: [2, 4, 3], scale: [2], B: [2] },
  },
  { op: 'MeanVarianceNormalization', dtype, inputs: { X: [2, 2, 2, 3] } },
  { op: 'MeanVarianceNormalization', note: 'rows', dtype, inputs: { X: ['n=2', 4] }, attributes: { axes: [1] } },
  { op: 'LpNormalization', dtype, inputs: { X: [2, 4] } },
  {
    op: 'LpNormalization',
    note: 'sums',
    dtype,
    inputs: { X: { shape: ['n=3', 2], values: [1, -2, 3, 4, -5, 6] } },
    attributes: { p: 1, axis: 0 },
  },
  einsum('bij,bjk->bik', [2, 3, 4], [2, 4, 2]),
  einsum('ij,jk', ['n=2', 3], [3, 'm=2']),
  einsum('bhqd,bhkd->bhqk', ['b=2', 2, 's=3', 2], ['b=2', 2, 't=2', 2]),
  einsum('bqhd,bkhd->bhqk', ['b=2', 's=2', 2, 3], ['b=2', 't=3', 2, 3]),
  einsum('i,j->ij', [2], [3]),
  einsum('ij,ij->i', ['n=2', 3], ['n=2', 3]),
  einsum('ij,ij->', [2, 3], [2, 3]),
  einsum('abc,cd->abd', ['a=2', 'b=2', 3], [3, 2]),
  einsum('abc,bcd->ad', [2, 2, 3], [2, 3, 2]),
  einsum('ij->ji', [2, 3]),
  einsum('ijk->j', [2, 3, 2]),
  einsum('ij,jk,kl->il', [2, 2], [2, 3], [3, 2]),
  einsum('bi,bj,b->ij', [2, 2], [2, 3], [2]),
];

function skip(note: string, inputs: GradientCase['inputs']): GradientCase {
  const attributes = { epsilon: float(1e-5) };
  return { op: 'SkipLayerNormalization', domain: microsoft, note, dtype, inputs, attributes };
}

function einsum(equation: string, ...shapes: readonly (readonly CaseDim[])[]): GradientCase {
  const inputs = Object.fromEntries(shapes.map((shape, index) => [`X${index}`, shape]));
  return { op: 'Einsum', note: equation, inputs, attributes: { equation } };
}
