import { describe, expect, it } from 'vitest';
import { tensorOf, type DataType } from '../../tensor/index.ts';
import { float, string, tensor } from '../attribute.ts';
import type { Dim } from '../dim.ts';
import { createModel, type Model } from '../model.ts';
import { printType } from '../print.ts';
import { Tape } from '../tape.ts';
import { inferRules } from './rules.ts';
import type { AttributeInput, Value } from '../graph.ts';

const dtypes: Record<string, DataType> = {
  f32: 'float32',
  f16: 'float16',
  f64: 'float64',
  i64: 'int64',
  i32: 'int32',
  u8: 'uint8',
  i8: 'int8',
  bool: 'bool',
};

/** 'f32[batch, 3]' is an input of that type, a list of numbers an i64 constant, a number a scalar one, '' a gap. */
type Input = string | number | readonly number[];

function makeInput(model: Model, tape: Tape, input: Input, index: number): Value | undefined {
  if (input === '') return undefined;
  if (typeof input === 'number') return tape.int64(input);
  if (typeof input !== 'string') return tape.int64s(input);
  const [, name = '', list = ''] = /^(\w+)\[(.*)\]$/.exec(input) ?? [];
  const dims = list === '...' ? undefined : list.split(',').flatMap(parseDim);
  return model.graph.addInput(`in${index}`, dtypes[name], dims);
}

function parseDim(text: string): Dim[] {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  return [/^\d+$/.test(trimmed) ? Number(trimmed) : trimmed === '?' ? undefined : trimmed];
}

function infer(
  type: string,
  inputs: readonly Input[],
  attributes: Record<string, AttributeInput> = {},
  outputs = 1,
): string {
  const model = createModel();
  const tape = new Tape(model);
  const [opType = '', domain = ''] = type.split(':').reverse();
  const values = inputs.map((input, index) => makeInput(model, tape, input, index));
  const results = tape.ops(opType, values, { domain, attributes, outputs });
  return results.map((value) => printType(value.dtype, value.shape)).join(' ');
}

type Case = [type: string, inputs: Input[], attributes: Record<string, AttributeInput>, expected: string];

const cases: Case[] = [
  // elementwise
  ['Add', ['f32[batch, 3]', 'f32[3]'], {}, 'f32[batch, 3]'],
  ['Mul', ['f32[batch, 1]', 'f32[1, seq]'], {}, 'f32[batch, seq]'],
  ['Sub', ['f32[batch]', 'f32[seq]'], {}, 'f32[?]'],
  ['Div', ['f32[batch]', 'f32[4]'], {}, 'f32[4]'],
  ['Add', ['f32[...]', 'f32[4]'], {}, 'f32[...]'],
  ['Pow', ['f16[n]', 'f32[]'], {}, 'f16[n]'],
  ['Equal', ['i64[n, 1]', 'i64[m]'], {}, 'bool[n, m]'],
  ['Where', ['bool[n, 1]', 'f32[]', 'f32[m]'], {}, 'f32[n, m]'],
  ['Cast', ['f16[n]'], { to: 1 }, 'f32[n]'],
  ['Sum', ['f32[n, 1]', 'f32[1, 2]', 'f32[]'], {}, 'f32[n, 2]'],
  ['Max', ['f32[3]', 'f32[n, 1]'], {}, 'f32[n, 3]'],
  ['Clip', ['f32[n]', 'f32[]', 'f32[]'], {}, 'f32[n]'],
  ['Softmax', ['f32[n, 4]'], { axis: -1 }, 'f32[n, 4]'],
  ['com.microsoft:QuickGelu', ['f32[n, 4]'], { alpha: float(1.702) }, 'f32[n, 4]'],
  ['com.microsoft:BiasGelu', ['f32[n, 4]', 'f32[4]'], {}, 'f32[n, 4]'],
  // linear
  ['MatMul', ['f32[batch, seq, 8]', 'f32[8, 4]'], {}, 'f32[batch, seq, 4]'],
  ['MatMul', ['f32[batch, 2, s, 8]', 'f32[batch, 1, 8, t]'], {}, 'f32[batch, 2, s, t]'],
  ['MatMul', ['f32[8]', 'f32[8]'], {}, 'f32[]'],
  ['MatMul', ['f32[3, 8]', 'f32[8]'], {}, 'f32[3]'],
  ['Gemm', ['f32[n, 8]', 'f32[4, 8]', 'f32[4]'], { transB: 1 }, 'f32[n, 4]'],
  ['Gemm', ['f32[8, n]', 'f32[8, 4]'], { transA: 1, alpha: float(0.5) }, 'f32[n, 4]'],
  ['com.microsoft:FusedMatMul', ['f32[b, h, s, 8]', 'f32[b, h, t, 8]'], { transB: 1 }, 'f32[b, h, s, t]'],
  ['com.microsoft:FusedMatMul', ['f32[b, 8, s]', 'f32[b, 8, t]'], { transA: 1 }, 'f32[b, s, t]'],
  [
    'com.microsoft:MatMulNBits',
    ['f32[b, s, 64]', 'u8[32, 2, 16]', 'f32[64]'],
    { K: 64, N: 32, bits: 4 },
    'f32[b, s, 32]',
  ],
  ['Conv', ['f32[b, 3, 32, 32]', 'f32[8, 3, 3, 3]'], { strides: [2, 2], pads: [1, 1, 1, 1] }, 'f32[b, 8, 16, 16]'],
  ['Conv', ['f32[b, 3, h, w]', 'f32[8, 3, 3, 3]'], { pads: [1, 1, 1, 1] }, 'f32[b, 8, h, w]'],
  ['Conv', ['f32[b, 3, w]', 'f32[8, 3, 3]'], { strides: [2], pads: [1, 1] }, 'f32[b, 8, ((w-1)//2)+1]'],
  ['Conv', ['f32[1, 1, 7]', 'f32[1, 1, 3]'], { strides: [2], auto_pad: string('SAME_UPPER') }, 'f32[1, 1, 4]'],
  ['ConvTranspose', ['f32[b, 4, 3, w]', 'f32[4, 2, 3, 2]'], { strides: [2, 2], group: 2 }, 'f32[b, 4, 7, 2*w]'],
  ['AveragePool', ['f32[b, 4, 5]'], { kernel_shape: [2], strides: [2] }, 'f32[b, 4, 2]'],
  ['AveragePool', ['f32[b, 4, 5]'], { kernel_shape: [2], strides: [2], ceil_mode: 1 }, 'f32[b, 4, 3]'],
  ['GlobalAveragePool', ['f32[b, 4, h, w]'], {}, 'f32[b, 4, 1, 1]'],
  ['Resize', ['f32[b, 4, h, 5]', '', '', [2, 4, 6, 10]], {}, 'f32[2, 4, 6, 10]'],
  ['Einsum', ['f32[b, h, s, 8]', 'f32[b, h, t, 8]'], { equation: string('bhqd,bhkd->bhqk') }, 'f32[b, h, s, t]'],
  ['Einsum', ['f32[a, 3]', 'f32[3, c]'], { equation: string('ij,jk') }, 'f32[a, c]'],
  // reshape
  ['Reshape', ['f32[batch, seq, 32]', [-1, 32]], {}, 'f32[batch*seq, 32]'],
  ['Reshape', ['f32[batch*seq, 32]', [0, 4, -1]], {}, 'f32[batch*seq, 4, 8]'],
  ['Reshape', ['f32[batch, seq]', [-1]], {}, 'f32[batch*seq]'],
  ['Reshape', ['f32[2, 3]', 'i64[3]'], {}, 'f32[?, ?, ?]'],
  ['Flatten', ['f32[a, b, 3]'], { axis: 2 }, 'f32[a*b, 3]'],
  ['Squeeze', ['f32[1, n, 1]', [0, -1]], {}, 'f32[n]'],
  ['Unsqueeze', ['f32[n]', [0, 2]], {}, 'f32[1, n, 1]'],
  ['Transpose', ['f32[a, b, 3]'], { perm: [2, 0, 1] }, 'f32[3, a, b]'],
  ['Transpose', ['f32[a, 3]'], {}, 'f32[3, a]'],
  ['Expand', ['f32[n, 1]', [1, 4]], {}, 'f32[n, 4]'],
  ['Tile', ['f32[n, 3]', [2, 1]], {}, 'f32[2*n, 3]'],
  // slicing
  ['Concat', ['f32[past, 4]', 'f32[seq, 4]'], { axis: 0 }, 'f32[past+seq, 4]'],
  ['Concat', ['f32[n, 3]', 'f32[n, 4]'], { axis: -1 }, 'f32[n, 7]'],
  ['Slice', ['f32[10, n]', [2], [8], [0], [3]], {}, 'f32[2, n]'],
  ['Slice', ['f32[n, seq]', [1], [Number.MAX_SAFE_INTEGER], [1]], {}, 'f32[n, seq-1]'],
  ['Slice', ['f32[n, seq]', [0], [-1], [1]], {}, 'f32[n, seq-1]'],
  ['Slice', ['f32[n, seq]', [-1], [Number.MAX_SAFE_INTEGER], [1]], {}, 'f32[n, 1]'],
  ['Slice', ['f32[n, seq]', [0], [5], [1]], {}, 'f32[n, ?]'],
  ['Pad', ['f32[n, 3]', [0, 1, 2, 1]], {}, 'f32[n+2, 5]'],
  // gathering
  ['Gather', ['f32[100, 32]', 'i64[batch, seq]'], {}, 'f32[batch, seq, 32]'],
  ['Gather', ['f32[n, 4]', 0], { axis: 1 }, 'f32[n]'],
  ['GatherElements', ['f32[n, 100]', 'i64[n, 1]'], { axis: 1 }, 'f32[n, 1]'],
  ['GatherND', ['f32[b, s, 32]', 'i64[n, 2]'], {}, 'f32[n, 32]'],
  ['ScatterElements', ['f32[n, 100]', 'i64[n, 1]', 'f32[n, 1]'], { axis: 1 }, 'f32[n, 100]'],
  ['ScatterND', ['f32[n, 32]', 'i64[m, 1]', 'f32[m, 32]'], {}, 'f32[n, 32]'],
  ['OneHot', ['i64[n]', 10, 'f32[2]'], {}, 'f32[n, 10]'],
  // generators
  ['Shape', ['f32[a, b, c]'], {}, 'i64[3]'],
  ['Size', ['f32[a, b]'], {}, 'i64[]'],
  ['ConstantOfShape', [[2, 3]], { value: tensor(tensorOf('float16', [1], [1])) }, 'f16[2, 3]'],
  ['ConstantOfShape', [[2]], {}, 'f32[2]'],
  ['Constant', [], { value: tensor(tensorOf('float64', [2], [1, 2])) }, 'f64[2]'],
  ['Constant', [], { value_ints: [1, 2, 3] }, 'i64[3]'],
  ['Range', [2, 9, 2], {}, 'i64[4]'],
  ['NonZero', ['f32[batch, 3]'], {}, 'i64[2, ?]'],
  // reductions
  ['ReduceSum', ['f32[n, 4]', [0]], { keepdims: 0 }, 'f32[4]'],
  ['ReduceMean', ['f32[n, 4]', [-1]], {}, 'f32[n, 1]'],
  ['ReduceL2', ['f32[n, 4]'], { keepdims: 0 }, 'f32[]'],
  ['ReduceSumSquare', ['f32[n, 4]'], {}, 'f32[1, 1]'],
  ['ReduceMax', ['f32[n, 4]'], { noop_with_empty_axes: 1 }, 'f32[n, 4]'],
  ['ArgMax', ['f32[n, 4]'], { axis: -1, keepdims: 0 }, 'i64[n]'],
  ['CumSum', ['f32[n, 4]', 1], {}, 'f32[n, 4]'],
  // normalization, losses, attention, quantization
  ['RMSNormalization', ['f32[n, 4]', 'f32[4]'], {}, 'f32[n, 4]'],
  ['SoftmaxCrossEntropyLoss', ['f32[n, 4]', 'i64[n]'], { reduction: string('sum') }, 'f32[]'],
  ['NegativeLogLikelihoodLoss', ['f32[n, 4]', 'i64[n]'], { reduction: string('none') }, 'f32[n]'],
  ['RotaryEmbedding', ['f32[b, h, s, 8]', 'f32[9, 4]', 'f32[9, 4]', 'i64[b, s]'], {}, 'f32[b, h, s, 8]'],
  ['com.microsoft:RotaryEmbedding', ['f32[b, s, 32]', 'i64[b, s]', 'f32[9, 4]', 'f32[9, 4]'], {}, 'f32[b, s, 32]'],
  ['BatchNormalization', ['f32[n, 4, 3]', 'f32[4]', 'f32[4]', 'f32[4]', 'f32[4]'], {}, 'f32[n, 4, 3]'],
  ['Attention', ['f32[b, 4, s, 8]', 'f32[b, 2, t, 8]', 'f32[b, 2, t, 6]'], {}, 'f32[b, 4, s, 6]'],
  [
    'Attention',
    ['f32[b, s, 32]', 'f32[b, t, 16]', 'f32[b, t, 12]'],
    { q_num_heads: 4, kv_num_heads: 2 },
    'f32[b, s, 24]',
  ],
  ['com.microsoft:Attention', ['f32[b, s, 32]', 'f32[32, 96]', 'f32[96]'], { num_heads: 4 }, 'f32[b, s, 32]'],
  [
    'com.microsoft:GatherBlockQuantized',
    ['u8[99, 16]', 'i64[b, s]', 'f32[99, 1]'],
    { bits: 4, block_size: 32 },
    'f32[b, s, 32]',
  ],
  ['DequantizeLinear', ['i8[n, 4]', 'f32[]', 'i8[]'], {}, 'f32[n, 4]'],
  ['QuantizeLinear', ['f32[n, 4]', 'f32[]', 'i8[]'], {}, 'i8[n, 4]'],
];

const manyOutputs: [...Case, count: number][] = [
  ['Split', ['f32[n, 12]'], { axis: -1, num_outputs: 3 }, 'f32[n, 4] f32[n, 4] f32[n, 4]', 3],
  ['Split', ['f32[n, 6]', [2, 4]], { axis: 1 }, 'f32[n, 2] f32[n, 4]', 2],
  [
    'com.microsoft:EmbedLayerNormalization',
    ['i32[b, s]', '', 'f32[99, 8]', 'f32[64, 8]', '', 'f32[8]', 'f32[8]'],
    {},
    'f32[b, s, 8] i32[b] f32[b, s, 8]',
    3,
  ],
  ['MaxPool', ['f32[n, 2, 6]'], { kernel_shape: [2], strides: [2] }, 'f32[n, 2, 3] i64[n, 2, 3]', 2],
  [
    'com.microsoft:MultiHeadAttention',
    ['f32[b, s, 32]', 'f32[b, t, 32]', 'f32[b, t, 24]'],
    { num_heads: 4 },
    'f32[b, s, 24] f32[b, 4, ?, 8] f32[b, 4, ?, 6]',
    3,
  ],
  ['Dropout', ['f32[n, 4]'], {}, 'f32[n, 4] bool[n, 4]', 2],
  ['TopK', ['f32[n, 100]', [5]], {}, 'f32[n, 5] i64[n, 5]', 2],
  ['LayerNormalization', ['f32[n, 4]', 'f32[4]'], {}, 'f32[n, 4] f32[n, 1] f32[n, 1]', 3],
  ['SimplifiedLayerNormalization', ['f32[n, 4]', 'f32[4]'], {}, 'f32[n, 4] f32[n, 1]', 2],
  [
    'com.microsoft:SkipSimplifiedLayerNormalization',
    ['f32[n, 4]', 'f32[n, 4]', 'f32[4]'],
    {},
    'f32[n, 4] f32[n, 1] f32[n, 1] f32[n, 4]',
    4,
  ],
  [
    'com.microsoft:GroupQueryAttention',
    ['f32[b, s, 32]', 'f32[b, s, 16]', 'f32[b, s, 16]', 'f32[b, 2, 99, 8]', 'f32[b, 2, 99, 8]'],
    { num_heads: 4, kv_num_heads: 2 },
    'f32[b, s, 32] f32[b, 2, ?, 8] f32[b, 2, ?, 8]',
    3,
  ],
  ['com.microsoft:GroupQueryAttention', ['f32[b, s, 64]'], { num_heads: 4, kv_num_heads: 2 }, 'f32[b, s, 32]', 1],
];

describe('shape inference', () => {
  it.each(cases)('%s of %j with %j is %s', (type, inputs, attributes, expected) => {
    expect(infer(type, inputs, attributes)).toBe(expected);
  });

  it.each(manyOutputs)('%s of %j with %j gives %s', (type, inputs, attributes, expected, count) => {
    expect(infer(type, inputs, attributes, count)).toBe(expected);
  });

  it.each([...inferRules.keys()])('asks nothing of %s where no type is known', (type) => {
    expect(() => infer(type, ['f32[...]', 'f32[...]', 'f32[...]'], {}, 1)).not.toThrow();
  });

  it.each<[string, Input[], Record<string, AttributeInput>, RegExp]>([
    ['MatMul', ['f32[2, 3]', 'f32[4, 5]'], {}, /inner dimensions of \[2, 3\] and \[4, 5\]/],
    ['Add', ['f32[2]', 'f32[3]'], {}, /\[2\] and \[3\] cannot be broadcast/],
    ['Add', ['f32[2]', 'f64[2]'], {}, /different types, float32 and float64/],
    ['Reshape', ['f32[2, 3]', [4, -1]], {}, /6 elements cannot be divided by 4/],
    ['Reshape', ['f32[2, 3]', [5]], {}, /has 6 elements and \[5\] has 5/],
    ['Concat', ['f32[2, 3]', 'f32[2, 4]'], { axis: 0 }, /differ beside the axis/],
    ['Transpose', ['f32[2, 3]'], { perm: [0, 0] }, /does not order the axes/],
    ['Gather', ['f32[2, 3]', 'i64[1]'], { axis: 5 }, /axis 5 is outside/],
    ['Squeeze', ['f32[2, 3]', [0]], {}, /axis 0 of \[2, 3\] is not 1/],
  ])('refuses %s of %j with %j', (type, inputs, attributes, message) => {
    expect(() => infer(type, inputs, attributes)).toThrow(message);
  });
});

describe('shapes computed in the graph', () => {
  it('follows Shape, Slice and Concat into Reshape', () => {
    const model = createModel();
    const tape = new Tape(model);
    const x = model.graph.addInput('x', 'float32', ['batch', 'seq', 32]);
    const leading = tape.op('Slice', [tape.op('Shape', [x]), tape.int64s([0]), tape.int64s([2])]);
    const target = tape.op('Concat', [leading, tape.int64s([4, 8])], { attributes: { axis: 0 } });
    expect(tape.op('Reshape', [x, target]).shape).toEqual(['batch', 'seq', 4, 8]);
  });

  it.each([
    { fill: 1, expected: [1, 'seq'] },
    { fill: 0, expected: [1, undefined] },
  ])('counts the places of a tensor that is filled with $fill', ({ fill, expected }) => {
    const tape = new Tape(createModel());
    const length = tape.op('Shape', [tape.model.graph.addInput('x', 'int64', ['seq'])]);
    const value = tensor(tensorOf('int64', [1], [fill]));
    const filled = tape.op('ConstantOfShape', [length], { attributes: { value } });
    expect(tape.op('NonZero', [filled]).shape).toEqual(expected);
  });

  it('follows arithmetic on dimensions into Range, Expand and ConstantOfShape', () => {
    const model = createModel();
    const tape = new Tape(model);
    const x = model.graph.addInput('x', 'float32', ['batch', 'seq']);
    const shape = tape.op('Shape', [x]);
    const [batch, seq] = [0, 1].map((axis) => tape.op('Gather', [shape, tape.int64(axis)]));
    const count = tape.op('Mul', [batch, seq]);
    expect(tape.op('Range', [tape.int64(0), count, tape.int64(1)]).shape).toEqual(['batch*seq']);
    const pair = [count, tape.op('Add', [seq, tape.int64(1)])].map((v) => tape.op('Unsqueeze', [v, tape.int64s([0])]));
    const target = tape.op('Concat', pair, { attributes: { axis: 0 } });
    expect(tape.op('ConstantOfShape', [target]).shape).toEqual(['batch*seq', 'seq+1']);
    expect(tape.op('Expand', [tape.scalar(1), target]).shape).toEqual(['batch*seq', 'seq+1']);
  });

  it.each(['Min(64, seq)', 'Neglogits_dim_1'])('believes what it followed rather than %s', (declared) => {
    const model = createModel();
    const x = model.graph.addInput('x', 'float32', ['batch', 'seq']);
    const y = new Tape(model).op('Neg', [x], { shape: ['batch', declared] });
    expect(y.shape).toEqual(['batch', 'seq']);
  });
});
