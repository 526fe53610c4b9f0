import { distinctRowsKey } from '../../ir/index.ts';
import { microsoft } from '../emit.ts';
import type { CaseInput, GradientCase } from '../testing/gradient-case.ts';

const rotary = { op: 'RotaryEmbedding', domain: microsoft, dtype: 'float32' } as const;

/** Angles of 5 positions for heads of 8 features. */
const angles = Array.from({ length: 5 * 4 }, (_, i) => Math.floor(i / 4) * 10 ** (-(i % 4) / 2));
const table = (turn: (angle: number) => number): CaseInput => ({
  shape: [5, 4],
  values: angles.map(turn),
  wanted: false,
});

const distinct = { shape: [2, 4], values: [3, -1, 4, 1.5, 5, -9, 2, 6] } as const;

/** Operators that select elements, mask some, or rotate pairs of them. */
export const gatheringCases: readonly GradientCase[] = [
  { op: 'Gather', note: 'rows', inputs: { data: [4, 3], indices: indices([3], [2, 0, 3]) } },
  { op: 'Gather', note: 'a row twice', inputs: { data: [4, 3], indices: indices([2, 2], [1, 1, 3, -1]) } },
  { op: 'Gather', note: 'one row', inputs: { data: [4, 3], indices: indices([], [2]) } },
  { op: 'Gather', note: 'rank 1', inputs: { data: [4], indices: indices([3], [1, 1, 0]) } },
  {
    op: 'Gather',
    note: 'distinct rows',
    inputs: { data: ['n=5', 3], indices: indices(['m=3'], [2, 0, 4]) },
    metadata: { [distinctRowsKey]: 'true' },
  },
  { op: 'Gather', note: 'no row', inputs: { data: [4, 3], indices: indices([0], []) } },
  { op: 'Gather', note: 'i32', inputs: { data: [4, 3], indices: { shape: [2], dtype: 'int32', values: [3, 3] } } },
  {
    op: 'Gather',
    note: 'columns',
    inputs: { data: [2, 4], indices: indices([3], [1, 1, -1]) },
    attributes: { axis: 1 },
  },
  {
    op: 'Gather',
    note: 'inner axis',
    inputs: { data: [2, 3, 2], indices: indices([2, 2], [0, 2, 2, 1]) },
    attributes: { axis: 1 },
  },
  { op: 'Gather', note: 'symbolic rows', inputs: { data: ['n=4', 3], indices: indices(['m=2'], [3, 3]) } },
  {
    op: 'Gather',
    note: 'symbolic columns',
    inputs: { data: ['n=2', 4], indices: indices(['m=3'], [1, 1, 0]) },
    attributes: { axis: -1 },
  },
  { op: 'GatherElements', inputs: { data: [3, 2], indices: indices([2, 2], [2, 2, 0, 2]) } },
  {
    op: 'GatherElements',
    note: 'last axis',
    inputs: { data: ['n=3', 4], indices: indices(['n=3', 1], [3, 0, -1]) },
    attributes: { axis: 1 },
  },
  { op: 'GatherND', inputs: { data: [2, 3, 2], indices: indices([2, 2], [1, 2, 0, -1]) } },
  {
    op: 'GatherND',
    note: 'rows, one of them twice',
    inputs: { data: [3, 2], indices: indices([2, 2, 1], [1, 1, 0, 1]) },
  },
  { op: 'GatherND', note: 'single elements', inputs: { data: [2, 3], indices: indices([3, 2], [1, 2, 0, 0, 1, 2]) } },
  {
    op: 'GatherND',
    note: 'one row a batch',
    inputs: { data: [2, 3, 2], indices: indices([2, 1], [2, -1]) },
    attributes: { batch_dims: 1 },
  },
  {
    op: 'GatherND',
    note: 'symbolic',
    inputs: { data: ['b=2', 's=3', 2], indices: indices(['n=2', 2], [1, 2, 0, -1]) },
  },
  {
    op: 'GatherND',
    note: 'symbolic batch',
    inputs: { data: ['b=2', 's=3', 2], indices: indices(['b=2', 2, 1], [1, 2, 0, 0]) },
    attributes: { batch_dims: 1 },
  },
  ...(['none', 'add'] as const).flatMap((reduction): GradientCase[] => [
    {
      op: 'ScatterElements',
      note: reduction,
      inputs: { data: ['n=3', 3], indices: indices([2, 2], [1, 0, 2, 0]), updates: [2, 2] },
      attributes: { reduction, axis: 1 },
    },
    {
      op: 'ScatterND',
      note: reduction,
      inputs: { data: [3, 2], indices: indices([2, 1], [2, 0]), updates: [2, 2] },
      attributes: { reduction },
    },
  ]),
  {
    op: 'ScatterElements',
    note: 'added twice at one place',
    inputs: { data: [3], indices: indices([2], [1, 1]), updates: [2] },
    attributes: { reduction: 'add' },
  },
  { op: 'TopK', inputs: { X: distinct, K: list1(2) }, outputs: 2 },
  {
    op: 'TopK',
    note: 'smallest of columns',
    inputs: { X: distinct, K: list1(1) },
    attributes: { axis: 0, largest: 0 },
    outputs: 2,
  },
  {
    op: 'TopK',
    note: 'symbolic',
    inputs: { X: { ...distinct, shape: ['n=2', 4] }, K: list1(3) },
    outputs: 2,
  },
  slice('rows', { data: [4, 3], starts: [1], ends: [3] }),
  slice('from the end', { data: [4, 3], starts: [-2], ends: [2 ** 31 - 1], axes: [1] }),
  slice('two axes', { data: [4, 3], starts: [0, 1], ends: [-1, 9], axes: [1, 0] }),
  slice('steps', { data: [5, 2], starts: [0], ends: [5], axes: [0], steps: [2] }),
  slice('backwards', { data: [5, 2], starts: [4], ends: [-10], axes: [0], steps: [-1] }),
  slice('nothing', { data: [4, 3], starts: [2], ends: [2] }),
  slice('symbolic axis, to the end', { data: ['n=4', 3], starts: [1], ends: [2 ** 40], axes: [0] }),
  slice('symbolic axis, last row', { data: ['n=4', 'm=3'], starts: [-1], ends: [2 ** 40], axes: [0] }, [
    undefined,
    'm',
  ]),
  { op: 'Dropout', note: 'off', inputs: { data: [2, 3], ratio: constant(0.5) } },
  { op: 'Dropout', note: 'training, ratio 0', inputs: { data: [2, 3], ratio: constant(0), training: flag(1) } },
  {
    op: 'Dropout',
    note: 'switched off at run time',
    inputs: { data: ['n=2', 3], ratio: constant(0.5), training: { ...flag(0), constant: false } },
  },
  { ...rotary, inputs: rotaryInputs([1, 3, 8]) },
  { ...rotary, note: 'interleaved', inputs: rotaryInputs([1, 3, 8]), attributes: { interleaved: 1 } },
  { ...rotary, note: 'heads on axis 1', inputs: rotaryInputs([2, 2, 3, 8]) },
  {
    ...rotary,
    note: 'symbolic',
    inputs: rotaryInputs(['b=2', 's=3', 16]),
    attributes: { num_heads: 2, rotary_embedding_dim: 0 },
  },
  {
    ...rotary,
    note: 'of a part of each head',
    inputs: rotaryInputs([1, 3, 24]),
    attributes: { num_heads: 2, rotary_embedding_dim: 8 },
  },
  ...[0, 1].flatMap((interleaved): GradientCase[] => [
    onnxRotary('', [1, 2, 3, 8], { interleaved }),
    onnxRotary('heads side by side', ['b=1', 's=3', 16], { interleaved, num_heads: 2 }),
    onnxRotary('of a part of each head', [1, 2, 3, 12], { interleaved, rotary_embedding_dim: 8 }),
  ]),
];

type Shape = readonly (number | `${string}=${number}`)[];

function indices(shape: Shape, values: readonly number[]): CaseInput {
  return { shape, values, dtype: 'int64' };
}

interface SliceInputs {
  readonly data: Shape;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes?: readonly number[];
  readonly steps?: readonly number[];
}

function slice(note: string, { data, ...lists }: SliceInputs, outputShape?: GradientCase['outputShape']): GradientCase {
  const inputs = Object.entries(lists).map(([name, values]) => [name, { ...list(values), constant: true }] as const);
  return { op: 'Slice', note, inputs: { data, ...Object.fromEntries(inputs) }, ...(outputShape && { outputShape }) };
}

function list1(value: number): CaseInput {
  return { ...list([value]), constant: true };
}

function list(values: readonly number[]): { shape: number[]; dtype: 'int64'; values: readonly number[] } {
  return { shape: [values.length], dtype: 'int64', values };
}

function constant(value: number): CaseInput {
  return { shape: [], values: [value], constant: true };
}

function flag(value: 0 | 1): { shape: number[]; dtype: 'bool'; values: number[]; constant: boolean } {
  return { shape: [], dtype: 'bool', values: [value], constant: true };
}

function rotaryInputs(input: Shape): GradientCase['inputs'] {
  return { input, position_ids: indices([1], [1]), cos_cache: table(Math.cos), sin_cache: table(Math.sin) };
}

function onnxRotary(note: string, X: Shape, attributes: Readonly<Record<string, number>>): GradientCase {
  const position_ids = indices([1, 3], [0, 1, 4]);
  const inputs = { X, cos_cache: table(Math.cos), sin_cache: table(Math.sin), position_ids };
  const kind = attributes['interleaved'] === 1 ? 'interleaved' : 'halves';
  return { op: 'RotaryEmbedding', dtype: 'float32', opset: 23, note: `${kind} ${note}`, inputs, attributes };
}
