import type { GradientCase } from '../testing/gradient-case.ts';

/** Operators that move elements without changing them. */
export const layoutCases: readonly GradientCase[] = [
  { op: 'Reshape', inputs: { data: [2, 6], shape: list(3, 4) } },
  { op: 'Reshape', note: 'inferred dimension', inputs: { data: [2, 6], shape: list(4, -1) } },
  { op: 'Reshape', note: 'to a scalar', inputs: { data: [1, 1], shape: list() } },
  { op: 'Reshape', note: 'empty', inputs: { data: [0, 3], shape: list(3, 0) }, attributes: { allowzero: 1 } },
  { op: 'Reshape', note: 'symbolic', inputs: { data: ['n=2', 6], shape: list(-1, 3) } },
  {
    op: 'Reshape',
    note: 'symbols that stay in place',
    inputs: { data: ['b=2', 's=3', 4], shape: list(0, 0, 2, 2) },
    outputShape: ['b', 's', 2, 2],
  },
  {
    op: 'Reshape',
    note: 'one symbol stays, one moves',
    inputs: { data: ['b=2', 's=3', 4], shape: list(0, 2, -1, 2) },
    outputShape: ['b', 2, 's', 2],
  },
  { op: 'Reshape', note: 'two symbols', inputs: { data: ['b=2', 's=3', 4], shape: list(-1, 4) } },
  { op: 'Flatten', inputs: { X: [2, 3, 2] } },
  { op: 'Flatten', note: 'symbolic', inputs: { X: ['b=2', 's=3', 2] }, attributes: { axis: 2 } },
  { op: 'Transpose', inputs: { data: [2, 3] } },
  { op: 'Transpose', note: 'permuted', inputs: { data: [2, 3, 2] }, attributes: { perm: [1, 2, 0] } },
  { op: 'Transpose', note: 'symbolic', inputs: { data: ['b=2', 's=3', 2, 2] }, attributes: { perm: [0, 2, 1, 3] } },
  { op: 'Squeeze', inputs: { data: [2, 1, 3], axes: list(1) } },
  { op: 'Squeeze', note: 'every axis of size 1', inputs: { data: [1, 3, 1] } },
  { op: 'Squeeze', note: 'symbolic', inputs: { data: ['b=2', 1, 's=3'], axes: list(-2) } },
  { op: 'Unsqueeze', inputs: { data: [2, 3], axes: list(0, -1) } },
  { op: 'Unsqueeze', note: 'symbolic', inputs: { data: ['b=2', 's=3'], axes: list(1) } },
  { op: 'Concat', inputs: { A: [2, 1], B: [2, 3] }, attributes: { axis: 1 } },
  { op: 'Concat', note: 'of one', inputs: { A: [2, 3] }, attributes: { axis: 0 } },
  {
    op: 'Concat',
    note: 'the same input twice',
    inputs: { A: [2, 2], B: [1, 2], 'A*': undefined },
    attributes: { axis: -2 },
  },
  { op: 'Concat', note: 'symbolic', inputs: { A: ['n=2', 2], B: ['m=1', 2] }, attributes: { axis: 0 } },
  { op: 'Concat', note: 'an empty part', inputs: { A: [0, 2], B: [3, 2] }, attributes: { axis: 0 } },
  {
    op: 'Split',
    note: 'both parts',
    inputs: { input: [2, 5], split: list(2, 3) },
    attributes: { axis: 1 },
    outputs: 2,
    lossOf: [0, 1],
  },
  {
    op: 'Split',
    note: 'second part only',
    inputs: { input: [2, 5], split: list(2, 3) },
    attributes: { axis: 1 },
    outputs: 2,
    lossOf: [1],
  },
  {
    op: 'Split',
    note: 'symbolic',
    inputs: { input: ['n=2', 5], split: list(2, 3) },
    attributes: { axis: -1 },
    outputs: 2,
    lossOf: [0],
  },
  { op: 'Expand', inputs: { input: [3, 1], shape: list(2, 3, 4) } },
  { op: 'Expand', note: 'scalar', inputs: { input: [], shape: list(2, 3) } },
  { op: 'Expand', note: 'nothing to do', inputs: { input: ['n=2', 3], shape: list(1) } },
  ...(['', 'com.microsoft'] as const).flatMap((domain): GradientCase[] => [
    { op: 'Trilu', domain, inputs: { input: [2, 3, 3] } },
    { op: 'Trilu', domain, note: 'lower, k', inputs: { input: ['n=2', 3, 4], k: one(1) }, attributes: { upper: 0 } },
  ]),
  { op: 'CumSum', inputs: { X: [2, 3], axis: one(1) } },
  { op: 'CumSum', note: 'backwards', inputs: { X: ['n=2', 3], axis: one(0) }, attributes: { reverse: 1 } },
  { op: 'CumSum', note: 'without itself', inputs: { X: [2, 3], axis: one(-1) }, attributes: { exclusive: 1 } },
  { op: 'Pad', inputs: { data: [2, 3], pads: list(1, 0, 0, 2) } },
  { op: 'Pad', note: 'with another constant', inputs: { data: [2, 3], pads: list(1, 0, 0, 2), value: scalar(3) } },
  { op: 'Pad', note: 'taken away', inputs: { data: [3, 4], pads: list(-1, 1, 0, -2) } },
  { op: 'Pad', note: 'one axis', inputs: { data: [2, 3], pads: list(1, 2), value: undefined, axes: list(-1) } },
  { op: 'Pad', note: 'symbolic', inputs: { data: ['n=2', 3], pads: list(0, 1, 0, 1) } },
  ...(['edge', 'reflect', 'wrap'] as const).flatMap((mode): GradientCase[] => [
    { op: 'Pad', note: mode, inputs: { data: [2, 3], pads: list(0, 2, 0, 1) }, attributes: { mode } },
    {
      op: 'Pad',
      note: `${mode}, symbolic`,
      inputs: { data: ['n=2', 'm=4'], pads: list(1, 0, 0, 1) },
      attributes: { mode },
    },
  ]),
  { op: 'Tile', inputs: { input: [2, 3], repeats: list(2, 1) } },
  { op: 'Tile', note: 'symbolic', inputs: { input: ['n=2', 3], repeats: list(3, 2) }, outputShape: [undefined, 6] },
];

function one(value: number): GradientCase['inputs'][string] {
  return { shape: [], dtype: 'int64', values: [value], constant: true };
}

function scalar(value: number): GradientCase['inputs'][string] {
  return { shape: [], values: [value], constant: true };
}

function list(...values: number[]): GradientCase['inputs'][string] {
  return { shape: [values.length], dtype: 'int64', values, constant: true };
}
