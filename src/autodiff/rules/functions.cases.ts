import { float, type AttributeInput } from '../../ir/index.ts';
import type { GradientCase } from '../testing/gradient-case.ts';

const dtype = 'float32';
/** Further from 0, ±1 and ±2.5 than the step of the central difference: some of these functions have no derivative there. */
const away = [-3.3, -1.6, -0.4, 0.3, 0.7, 2.1];

/** Functions of one element, and activations that transformers do not use. Their kernels exist in f32 only. */
export const functionCases: readonly GradientCase[] = [
  ...between('Tan', [-1, 1]),
  ...between('Sinh', [-1, 1]),
  ...between('Cosh', [-1, 1]),
  ...between('Asin', [-0.8, 0.8]),
  ...between('Acos', [-0.8, 0.8]),
  ...between('Atan', [-2, 2]),
  ...between('Asinh', [-2, 2]),
  ...between('Acosh', [1.5, 3]),
  ...between('Atanh', [-0.8, 0.8]),
  ...between('Softplus', [-3, 3]),
  ...between('Softsign', [0.2, 3]),
  ...between('Mish', [-3, 3], 22),
  ...kinked('LeakyRelu'),
  ...kinked('LeakyRelu', { alpha: float(0.3) }),
  ...kinked('ThresholdedRelu'),
  ...kinked('HardSigmoid'),
  ...kinked('HardSigmoid', { alpha: float(0.4), beta: float(0.1) }),
  ...kinked('HardSwish'),
  ...kinked('Elu'),
  ...kinked('Elu', { alpha: float(0.5) }),
  ...kinked('Selu'),
  ...kinked('Celu'),
  ...kinked('Celu', { alpha: float(2) }),
  { op: 'PRelu', dtype, inputs: { X: { shape: [2, 3], values: away }, slope: [2, 3] } },
  { op: 'PRelu', note: 'one slope a channel', dtype, inputs: { X: { shape: [1, 2, 3], values: away }, slope: [2, 1] } },
  { op: 'PRelu', note: 'symbolic', dtype, inputs: { X: { shape: ['n=2', 3], values: away }, slope: [1] } },
];

function between(op: string, range: readonly [number, number], opset = 21): GradientCase[] {
  return [
    { op, opset, dtype, inputs: { X: { shape: [2, 3], range } } },
    { op, opset, note: 'symbolic', dtype, inputs: { X: { shape: ['n=2', 3], range } } },
  ];
}

function kinked(op: string, attributes?: Readonly<Record<string, AttributeInput>>): GradientCase[] {
  const given = attributes ? { attributes, note: Object.keys(attributes).join(' and ') } : {};
  return [{ op, dtype, inputs: { X: { shape: ['n=2', 3], values: away } }, ...given }];
}
