import { float } from '../../ir/index.ts';
import { microsoft } from '../emit.ts';
import type { GradientCase } from '../testing/gradient-case.ts';

const epsilon = float(1e-5);
const skip = {
  op: 'SkipSimplifiedLayerNormalization',
  domain: microsoft,
  dtype: 'float32',
  attributes: { epsilon },
} as const;

/** Norms. The kernels return f32 statistics even for f64 inputs; the tolerance allows for it. The Skip norms exist in f32 only. */
export const normCases: readonly GradientCase[] = [
  norm('SimplifiedLayerNormalization', 'matrix', { X: [3, 4], scale: [4] }),
  norm('SimplifiedLayerNormalization', 'rank 3', { X: [2, 2, 4], scale: [4] }),
  norm('SimplifiedLayerNormalization', 'symbolic', { X: ['n=3', 4], scale: [4] }),
  norm('SimplifiedLayerNormalization', 'one feature', { X: [3, 1], scale: [1] }),
  norm('SimplifiedLayerNormalization', 'one row, with its statistics', { X: [1, 4], scale: [4] }, { outputs: 2 }),
  norm('LayerNormalization', 'matrix', { X: [3, 4], scale: [4], B: [4] }),
  norm('LayerNormalization', 'no bias', { X: [3, 4], scale: [4] }),
  norm(
    'LayerNormalization',
    'two axes',
    { X: [2, 3, 4], scale: [3, 4], B: [3, 4] },
    { attributes: { axis: 1, epsilon } },
  ),
  norm('LayerNormalization', 'symbolic', { X: ['b=2', 's=2', 4], scale: [4], B: [4] }),
  norm('LayerNormalization', 'with its statistics', { X: [3, 4], scale: [4], B: [4] }, { outputs: 3 }),
  norm('RMSNormalization', 'matrix', { X: [3, 4], scale: [4] }, { opset: 23, outputShape: [3, 4] }),
  norm('RMSNormalization', 'symbolic', { X: ['n=3', 4], scale: [4] }, { opset: 23, outputShape: ['n', 4] }),
  { ...skip, note: 'norm only', inputs: { input: [3, 4], skip: [3, 4], gamma: [4] } },
  { ...skip, note: 'bias', inputs: { input: [3, 4], skip: [3, 4], gamma: [4], bias: [4] } },
  { ...skip, note: 'norm and sum', inputs: { input: [3, 4], skip: [3, 4], gamma: [4] }, outputs: 4, lossOf: [0, 3] },
  { ...skip, note: 'symbolic', inputs: { input: ['b=2', 's=2', 4], skip: ['b=2', 's=2', 4], gamma: [4] } },
];

function norm(
  op: string,
  note: string,
  inputs: GradientCase['inputs'],
  more: Partial<GradientCase> = {},
): GradientCase {
  return { op, note, inputs, attributes: { axis: -1, epsilon }, ...more };
}
