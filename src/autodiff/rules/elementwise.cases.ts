import { dataTypeNumber } from '../../tensor/index.ts';
import type { GradientCase } from '../testing/gradient-case.ts';

const positive = [0.5, 2] as const;
/** Not near 0, where some of these functions have no derivative or a very large one. */
const spread = [-2.3, -1.1, -0.4, 0.3, 0.9, 2.1];

/** Elementwise operators, some with several inputs and broadcasting. */
export const elementwiseCases: readonly GradientCase[] = [
  ...(['Add', 'Sub', 'Mul'] as const).flatMap((op): GradientCase[] => [
    { op, inputs: { A: [2, 3], B: [2, 3] } },
    { op, note: 'broadcast both ways', inputs: { A: [2, 1, 3], B: [4, 1] } },
    { op, note: 'scalar', inputs: { A: [2, 3], B: [] } },
    { op, note: 'rank 1', inputs: { A: [3], B: [3] } },
    { op, note: 'the same input twice', inputs: { A: [2, 3], 'A*': undefined } },
    { op, note: 'empty', inputs: { A: [0, 3], B: [3] } },
    { op, note: 'symbolic', inputs: { A: ['n=2', 3], B: ['n=2', 1] } },
    { op, note: 'symbolic against 1', inputs: { A: ['n=2', 'm=3'], B: [1, 'm=3'] } },
  ]),
  { op: 'Div', inputs: { A: [2, 3], B: { shape: [2, 3], range: positive } } },
  { op: 'Div', note: 'broadcast', inputs: { A: [3], B: { shape: [2, 1], range: positive } } },
  { op: 'Div', note: 'the same input twice', inputs: { A: { shape: [2, 2], range: positive }, 'A*': undefined } },
  { op: 'Div', note: 'symbolic', inputs: { A: ['n=2', 3], B: { shape: ['n=2', 1], range: positive } } },
  { op: 'Pow', note: 'general', inputs: { X: { shape: [2, 3], range: positive }, E: [2, 3] } },
  { op: 'Pow', note: 'broadcast', inputs: { X: { shape: [2, 3], range: positive }, E: [3] } },
  ...[2, 3, 0.5, -1, 1.7].map((exponent): GradientCase => ({
    op: 'Pow',
    note: `constant exponent ${exponent}`,
    inputs: { X: { shape: [2, 3], range: positive }, E: { shape: [], values: [exponent], constant: true } },
  })),
  {
    op: 'Pow',
    note: 'squares of negative numbers',
    inputs: { X: [2, 3], E: { shape: [], values: [2], constant: true } },
  },
  ...(['Neg', 'Exp', 'Sin', 'Cos', 'Identity'] as const).flatMap((op): GradientCase[] => [
    { op, inputs: { X: [2, 3] } },
    { op, note: 'symbolic', inputs: { X: ['n=2', 3] } },
    { op, note: 'empty', inputs: { X: [0] } },
  ]),
  ...(['Sqrt', 'Log', 'Reciprocal'] as const).flatMap((op): GradientCase[] => [
    { op, inputs: { X: { shape: [2, 3], range: positive } } },
    { op, note: 'symbolic', inputs: { X: { shape: ['n=2', 3], range: positive } } },
    { op, note: 'scalar', inputs: { X: { shape: [], range: positive } } },
  ]),
  { op: 'Abs', inputs: { X: { shape: [6], values: spread } } },
  { op: 'Clip', inputs: { X: { shape: [6], values: spread }, low: bound(-1), high: bound(1) } },
  {
    op: 'Clip',
    note: 'above only',
    inputs: { X: { shape: [2, 3], values: spread }, low: undefined, high: bound(0.5) },
  },
  {
    op: 'Mod',
    inputs: { A: { shape: [6], values: spread }, B: { shape: [], range: [0.7, 0.8] } },
    attributes: { fmod: 1 },
  },
  {
    op: 'Mod',
    note: 'broadcast',
    inputs: { A: { shape: ['n=2', 3], values: spread }, B: { shape: [1, 3], range: [0.65, 0.67] } },
    attributes: { fmod: 1 },
  },
  { op: 'Where', inputs: { condition: bools([2, 3], [1, 0, 1, 0, 0, 1]), X: [2, 3], Y: [2, 3] } },
  { op: 'Where', note: 'broadcast', inputs: { condition: bools([2, 1], [1, 0]), X: [3], Y: [] } },
  { op: 'Where', note: 'symbolic', inputs: { condition: bools(['n=2', 1], [1, 0]), X: ['n=2', 3], Y: [1, 3] } },
  { op: 'Sum', note: 'one', inputs: { A: [2, 3] } },
  { op: 'Sum', note: 'three, broadcast, one of them twice', inputs: { A: [2, 3], B: [3], 'A*': undefined } },
  ...(['Max', 'Min'] as const).flatMap((op): GradientCase[] => [
    { op, note: 'one', inputs: { A: [2, 3] } },
    { op, note: 'three, broadcast', inputs: { A: [2, 3], B: [3], C: [2, 1] } },
    { op, note: 'a tie of the same input', inputs: { A: [2, 3], 'A*': undefined } },
  ]),
  {
    op: 'Cast',
    note: 'f64 to f32',
    inputs: { X: [2, 3] },
    attributes: to('float32'),
    tolerance: { eps: 1e-2, atol: 1e-4 },
  },
  { op: 'Cast', note: 'f32 to f64', dtype: 'float32', inputs: { X: [2, 3] }, attributes: to('float64') },
  { op: 'Cast', note: 'f64 to f64', inputs: { X: ['n=2', 3] }, attributes: to('float64') },
];

function bound(value: number): GradientCase['inputs'][string] {
  return { shape: [], values: [value], constant: true };
}

function bools(shape: readonly (number | 'n=2')[], values: readonly number[]): GradientCase['inputs'][string] {
  return { shape, values, dtype: 'bool' };
}

function to(dtype: 'float32' | 'float64'): { to: number } {
  return { to: dataTypeNumber(dtype) };
}
