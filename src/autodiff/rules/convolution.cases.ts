import type { CaseInput, GradientCase } from '../testing/gradient-case.ts';

const dtype = 'float32';
const aligned = { mode: 'linear', coordinate_transformation_mode: 'align_corners' } as const;

/** Convolutions, pools and batch normalization. All but MaxPool and BatchNormalization have kernels in f32 only. */
export const convolutionCases: readonly GradientCase[] = [
  conv('2d', { X: [2, 2, 4, 3], W: [3, 2, 2, 2] }),
  conv('1d, bias', { X: [2, 2, 5], W: [3, 2, 3], B: [3] }),
  conv('3d', { X: [1, 2, 3, 2, 3], W: [1, 2, 2, 1, 2] }),
  conv('strides that leave a rest', { X: [1, 1, 6, 5], W: [2, 1, 3, 2], B: [2] }, { strides: [2, 2] }),
  conv('padding of different widths', { X: [1, 2, 4, 4], W: [2, 2, 3, 3] }, { pads: [1, 0, 2, 1] }),
  conv('dilations', { X: [1, 1, 6, 5], W: [1, 1, 2, 2] }, { dilations: [3, 2], pads: [1, 1, 1, 1] }),
  conv(
    'strides, padding and dilations',
    { X: [2, 1, 7], W: [2, 1, 3] },
    { strides: [2], pads: [2, 1], dilations: [2] },
  ),
  conv('groups', { X: [2, 4, 3, 3], W: [4, 2, 2, 2] }, { group: 2, pads: [1, 1, 0, 0] }),
  conv('one filter a channel', { X: [1, 3, 4], W: [3, 1, 2], B: [3] }, { group: 3, strides: [2] }),
  conv('auto_pad upper', { X: [1, 1, 5, 4], W: [1, 1, 3, 2] }, { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
  conv('auto_pad lower', { X: [1, 1, 5], W: [1, 1, 4] }, { auto_pad: 'SAME_LOWER' }),
  conv('auto_pad valid', { X: [1, 1, 5], W: [1, 1, 3] }, { auto_pad: 'VALID' }),
  conv('symbolic batch', { X: ['n=2', 2, 4], W: [2, 2, 2], B: [2] }),
  conv('symbolic batch, groups', { X: ['n=2', 2, 4], W: [2, 1, 2] }, { group: 2 }),
  conv('symbolic sizes', { X: [1, 1, 'h=6', 'w=5'], W: [2, 1, 3, 2], B: [2] }, { strides: [2, 2], pads: [1, 0, 1, 1] }),
  conv('symbolic sizes, groups', { X: ['n=2', 2, 'w=5'], W: [2, 1, 3] }, { group: 2, pads: [1, 1] }),
  spread('2d', { X: [2, 2, 2, 3], W: [2, 3, 2, 2], B: [3] }),
  spread('strides, padding', { X: [1, 2, 3], W: [2, 2, 3] }, { strides: [2], pads: [1, 1], output_padding: [1] }),
  spread('groups, dilations', { X: [1, 4, 3], W: [4, 1, 2] }, { group: 2, dilations: [2] }),
  spread('symbolic', { X: ['n=2', 1, 'w=3'], W: [1, 2, 2], B: [2] }, { strides: [2] }),
  pool('MaxPool', '2d', [1, 2, 4, 4], { kernel_shape: [2, 2], strides: [2, 2] }),
  pool('MaxPool', 'overlapping, padded', [1, 1, 5, 4], { kernel_shape: [3, 2], pads: [1, 0, 1, 1] }),
  pool('MaxPool', 'rounded up, dilated', [1, 1, 6], { kernel_shape: [2], strides: [2], dilations: [2], ceil_mode: 1 }),
  pool('MaxPool', 'column-major places', [1, 1, 2, 3], { kernel_shape: [1, 2], storage_order: 1 }),
  pool('MaxPool', 'symbolic', ['n=2', 1, 'w=4'], { kernel_shape: [2], strides: [2] }),
  pool('AveragePool', '2d', [1, 2, 4, 4], { kernel_shape: [2, 2], strides: [2, 2] }),
  pool('AveragePool', 'padding counts', [1, 1, 4, 3], {
    kernel_shape: [2, 2],
    pads: [1, 1, 0, 0],
    count_include_pad: 1,
  }),
  pool('AveragePool', 'padding does not count', [2, 2, 4, 3], { kernel_shape: [2, 2], pads: [1, 1, 1, 0] }),
  pool('AveragePool', 'symbolic', ['n=2', 2, 'w=5'], { kernel_shape: [3], strides: [2], pads: [1, 1] }),
  ...(['GlobalAveragePool', 'GlobalMaxPool'] as const).flatMap((op) => [
    pool(op, '2d', [2, 2, 2, 3]),
    pool(op, 'symbolic', ['n=2', 2, 'h=2', 'w=2']),
  ]),
  resize('nearest', [1, 2, 2, 3], { scales: [1, 1, 2, 2], attributes: { mode: 'nearest' } }),
  resize('linear', [1, 1, 2, 3], { scales: [1, 1, 2, 1.5], attributes: { mode: 'linear' } }),
  resize('linear, corners', ['n=2', 1, 3, 2], { scales: [1, 1, 2, 2], attributes: aligned }),
  resize('cubic, smaller', [1, 1, 4, 4], { sizes: [1, 1, 3, 4], attributes: { mode: 'cubic' } }),
  norm('2d', [2, 3, 2, 2]),
  norm('features', [4, 3]),
  norm('symbolic', ['n=2', 3, 'w=2']),
];

type Shape = readonly (number | `${string}=${number}`)[];
type Attributes = NonNullable<GradientCase['attributes']>;

function conv(note: string, inputs: GradientCase['inputs'], attributes: Attributes = {}): GradientCase {
  return { op: 'Conv', note, dtype, inputs, attributes };
}

function spread(note: string, inputs: GradientCase['inputs'], attributes: Attributes = {}): GradientCase {
  return { op: 'ConvTranspose', note, dtype, inputs, attributes };
}

function pool(op: string, note: string, shape: Shape, attributes: Attributes = {}): GradientCase {
  const count = shape
    .map((dim) => (typeof dim === 'number' ? dim : Number(dim.split('=')[1])))
    .reduce((a, b) => a * b, 1);
  // The values differ by more than the step of the central difference, so that the maximum does not change.
  const values = Array.from({ length: count }, (_, i) => (((i * 7) % count) - count / 2) / 4);
  return { op, note, dtype, inputs: { X: { shape, values } }, attributes };
}

interface Resize {
  readonly scales?: readonly number[];
  readonly sizes?: readonly number[];
  readonly attributes: Attributes;
}

function resize(note: string, X: Shape, { scales, sizes, attributes }: Resize): GradientCase {
  const inputs = {
    X,
    roi: undefined,
    scales: scales && { shape: [scales.length], values: scales, constant: true },
    sizes: sizes && ({ shape: [sizes.length], dtype: 'int64', values: sizes, constant: true } as const),
  };
  return { op: 'Resize', note, dtype, inputs, attributes };
}

function norm(note: string, X: Shape): GradientCase {
  const given = (range: readonly [number, number]): CaseInput => ({ shape: [3], range, wanted: false });
  const inputs = { X, scale: [3], B: [3], mean: given([-1, 1]), variance: given([0.5, 2]) } as const;
  return { op: 'BatchNormalization', note, inputs };
}
