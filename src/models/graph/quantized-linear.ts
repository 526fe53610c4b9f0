import { moduleKey, type Tape, type Value } from '../../ir/index.ts';
import { dataTypeNumber, tensorOf } from '../../tensor/index.ts';
import type { QuantizedWeight } from '../quantized/quantized-weight.ts';
import type { GraphBuilder } from './graph-builder.ts';

export interface QuantizedLayer {
  readonly path: string;
  /** Whether it has `<path>.bias`, which is of floats. */
  readonly bias: boolean;
  /** The matrix by its name in the checkpoint. */
  readonly name: string;
  readonly weight: QuantizedWeight;
}

type Blocks = Extract<QuantizedWeight, { kind: 'blocks' }>;
type Int8 = Extract<QuantizedWeight, { kind: 'int8' }>;

/**
 * y = x·Wᵀ + b of a quantized W, marked with its module's path.
 *
 * @param x  f32 [tokens, in]
 * @returns f32 [tokens, out]
 */
export function quantizedLinear(builder: GraphBuilder, x: Value, layer: QuantizedLayer): Value {
  const { weight } = layer;
  if (weight.kind === 'blocks') return ofBlocks(builder, x, { ...layer, weight });
  return builder.exact ? ofDequantized(builder, x, { ...layer, weight }) : ofBytes(builder, x, { ...layer, weight });
}

/** @see com.microsoft MatMulNBits-1; of its accuracy levels, 4 rounds what comes in to 8 bits block by block, and 0 rounds nothing. */
function ofBlocks(builder: GraphBuilder, x: Value, layer: QuantizedLayer & { readonly weight: Blocks }): Value {
  const { path, name, weight } = layer;
  const { rows, columns, bits, blockSize, scales, zeroPoints } = weight;
  const blocks = Math.ceil(columns / blockSize);
  const level = !builder.exact && weight.activations === 'int8' ? 4 : 0;
  const inputs = [
    x,
    builder.bytesOf(name, [rows, blocks, (blockSize * bits) / 8]),
    builder.bytesOf(scales, [rows * blocks]),
    ...(zeroPoints === undefined ? [] : [builder.bytesOf(zeroPoints, [zeroPoints.length])]),
  ];
  const attributes = { K: columns, N: rows, bits, block_size: blockSize, accuracy_level: level };
  const tape = builder.tape(path, { [moduleKey]: path });
  const y = tape.op('MatMulNBits', inputs, { domain: 'com.microsoft', attributes });
  return biased(builder, y, layer);
}

/**
 * Both sides as bytes:
 *
 *   s = max|x| / 127 of each token,   y = s · ((round(x / s) + 128) ⊗ W),   ⊗ in whole numbers, scaled by channel
 *
 * WHY not DynamicQuantizeMatMul: its one scale for all tokens makes a token's result depend on what else is in the batch, and
 * its signed weights overflow on processors without VNNI. The module is the product itself, x / s in and y / s out: s being one
 * number for a token, an adapter between them adds what it would add outside.
 *
 * @see com.microsoft MatMulIntegerToFloat-1; Dettmers et al. 2022, "LLM.int8()", §2.2 (vector-wise quantization)
 */
function ofBytes(builder: GraphBuilder, x: Value, layer: QuantizedLayer & { readonly weight: Int8 }): Value {
  const { path, name, weight } = layer;
  const tape = builder.tape(`${path}/int8`);
  const largest = tape.op('ReduceMax', [tape.op('Abs', [x]), tape.int64s([-1])], { attributes: { keepdims: 1 } });
  // WHY at least that: a token of zeros has no scale, and its quotients must not be NaN.
  const step = tape.op('Mul', [tape.op('Max', [largest, tape.scalar(1e-30)]), tape.scalar(1 / 127)]);
  const [one, middle] = [tape.scalar(1), byte(tape, 128)];
  const levels = tape.op('QuantizeLinear', [tape.op('Div', [x, step]), one, middle]);
  const matrix = builder.bytesOf(name, [weight.columns, weight.rows]);
  const middles = tape.constant(tensorOf('uint8', [weight.rows], new Uint8Array(weight.rows).fill(128)));
  const inputs = [levels, matrix, one, builder.bytesOf(weight.scales, [weight.rows]), middle, middles];
  const product = builder
    .tape(path, { [moduleKey]: path })
    .op('MatMulIntegerToFloat', inputs, { domain: 'com.microsoft' });
  return biased(builder, tape.op('Mul', [product, step]), layer);
}

/**
 * The weights as floats again, and what comes in as it is: the same function without its rounding, which has no gradient.
 *
 * WHY no DequantizeLinear: ONNX Runtime makes MatMulNBits of it and a product, and rounds what comes in after all. These are made
 * once, when the model is loaded.
 */
function ofDequantized(builder: GraphBuilder, x: Value, layer: QuantizedLayer & { readonly weight: Int8 }): Value {
  const { path, name, weight } = layer;
  const tape = builder.tape(path);
  const levels = builder.bytesOf(name, [weight.columns, weight.rows]);
  const floats = tape.op('Cast', [levels], { attributes: { to: dataTypeNumber('float32') } });
  const centred = tape.op('Sub', [floats, tape.scalar(128)]);
  const matrix = tape.op('Mul', [centred, builder.bytesOf(weight.scales, [weight.rows])]);
  return biased(builder, builder.tape(path, { [moduleKey]: path }).op('Gemm', [x, matrix]), layer);
}

function biased(builder: GraphBuilder, y: Value, { path, bias }: QuantizedLayer): Value {
  return bias ? builder.tape(path).op('Add', [y, builder.weight(`${path}.bias`)]) : y;
}

function byte(tape: Tape, value: number): Value {
  return tape.constant(tensorOf('uint8', [], Uint8Array.of(value)));
}
