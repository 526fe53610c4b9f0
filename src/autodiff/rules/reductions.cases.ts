import type { GradientCase } from '../testing/gradient-case.ts';

/** Distinct values, so that no two elements tie. */
const distinct = { shape: [2, 3, 2], values: [3, -1, 4, 1.5, 5, -9, 2, 6, -5, 3.5, 8, -7] } as const;

const positive = { shape: [2, 3, 2], range: [0.5, 2] } as const;

/** Reductions, with the axes as an input or as an attribute. */
export const reductionCases: readonly GradientCase[] = [
  ...(
    [
      'ReduceSum',
      'ReduceMean',
      'ReduceMax',
      'ReduceMin',
      'ReduceProd',
      'ReduceL1',
      'ReduceL2',
      'ReduceSumSquare',
    ] as const
  ).flatMap((op): GradientCase[] => [
    { op, note: 'all axes', inputs: { X: distinct } },
    { op, note: 'all axes, gone', inputs: { X: distinct }, attributes: { keepdims: 0 } },
    { op, note: 'last axis', inputs: { X: distinct, axes: axes(-1) } },
    { op, note: 'two axes, gone', inputs: { X: distinct, axes: axes(0, -1) }, attributes: { keepdims: 0 } },
    { op, note: 'nothing to do', inputs: { X: distinct }, attributes: { noop_with_empty_axes: 1 } },
    { op, note: 'symbolic', inputs: { X: { ...distinct, shape: ['n=2', 'm=3', 2] }, axes: axes(1) } },
  ]),
  ...(['ReduceLogSum', 'ReduceLogSumExp'] as const).flatMap((op): GradientCase[] => [
    { op, note: 'all axes', inputs: { X: positive } },
    { op, note: 'two axes, gone', inputs: { X: positive, axes: axes(0, -1) }, attributes: { keepdims: 0 } },
    { op, note: 'symbolic', inputs: { X: { ...positive, shape: ['n=2', 'm=3', 2] }, axes: axes(1) } },
  ]),
  {
    op: 'ReduceProd',
    note: 'with no, one and two zeros',
    inputs: { X: { shape: [3, 3], values: [2, 3, -1, 0, 4, 5, 0, 2, 0] }, axes: axes(1) },
  },
  { op: 'ReduceProd', note: 'axes as attribute', opset: 17, inputs: { X: distinct }, attributes: { axes: [1] } },
  { op: 'ReduceMean', note: 'axes as attribute', opset: 17, inputs: { X: distinct }, attributes: { axes: [1] } },
  {
    op: 'ReduceMax',
    note: 'axes as attribute',
    opset: 17,
    inputs: { X: distinct },
    attributes: { axes: [1], keepdims: 0 },
  },
  { op: 'ReduceSum', note: 'empty', inputs: { X: [0, 3], axes: axes(0) } },
  { op: 'ReduceSum', note: 'empty at run time', inputs: { X: ['n=0', 3], axes: axes(0) } },
];

function axes(...values: number[]): GradientCase['inputs'][string] {
  return { shape: [values.length], dtype: 'int64', values, constant: true };
}
