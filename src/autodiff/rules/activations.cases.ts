import { float } from '../../ir/index.ts';
import { microsoft } from '../emit.ts';
import type { GradientCase } from '../testing/gradient-case.ts';

const dtype = 'float32';
const away = [-2.3, -1.1, -0.4, 0.3, 0.9, 2.1];

/** Activations. The kernels of Erf and of all Gelus exist in f32 only, so those are checked in f32. */
export const activationCases: readonly GradientCase[] = [
  ...(['Tanh', 'Sigmoid'] as const).flatMap((op): GradientCase[] => [
    { op, inputs: { X: [2, 3] } },
    { op, note: 'symbolic', inputs: { X: ['n=2', 3] } },
  ]),
  { op: 'Relu', inputs: { X: { shape: [2, 3], values: away } } },
  { op: 'Erf', dtype, inputs: { X: [3, 4] } },
  { op: 'Gelu', dtype, inputs: { X: [3, 4] } },
  { op: 'Gelu', note: 'symbolic', dtype, inputs: { X: ['n=3', 4] } },
  { op: 'Gelu', note: 'by tanh', dtype, inputs: { X: [3, 4] }, attributes: { approximate: 'tanh' } },
  { op: 'Gelu', domain: microsoft, dtype, inputs: { X: [3, 4] } },
  { op: 'FastGelu', domain: microsoft, dtype, inputs: { X: [3, 4] } },
  { op: 'FastGelu', note: 'bias', domain: microsoft, dtype, inputs: { X: ['n=3', 4], bias: [4] } },
  { op: 'BiasGelu', domain: microsoft, dtype, inputs: { A: [3, 4], B: [4] } },
  { op: 'QuickGelu', domain: microsoft, dtype, inputs: { X: [3, 4] } },
  {
    op: 'QuickGelu',
    note: 'SiLU',
    domain: microsoft,
    dtype,
    inputs: { X: ['n=3', 4] },
    attributes: { alpha: float(1) },
  },
  { op: 'Swish', opset: 24, inputs: { X: [3, 4] }, outputShape: [3, 4], dtype },
  {
    op: 'Swish',
    note: 'alpha',
    opset: 24,
    inputs: { X: [3] },
    outputShape: [3],
    attributes: { alpha: float(0.7) },
    dtype,
  },
  ...(['Softmax', 'LogSoftmax'] as const).flatMap((op): GradientCase[] => [
    { op, inputs: { S: [2, 4] } },
    { op, note: 'inner axis', inputs: { S: [2, 3, 2] }, attributes: { axis: 1 } },
    { op, note: 'rank 1', inputs: { S: [4] } },
    { op, note: 'one class', inputs: { S: [3, 1] } },
    { op, note: 'symbolic', inputs: { S: ['b=2', 'n=3', 'n=3'] } },
  ]),
];
