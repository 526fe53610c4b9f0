import {
  byteProduct,
  middlesOf,
  moduleKey,
  roundedInputKey,
  roundedRows,
  zeroAfter,
  type Tape,
  type Value,
} from '../../ir/index.ts';
import type { QuantizedWeight } from '../weight-ref.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { float8Floats } from './float8-floats.ts';
import { exactBlockSize, groupedBlocks, groupedFloats } from './grouped-linear.ts';
import { mxfp4Product } from './mxfp4-linear.ts';

export interface QuantizedLayer {
  readonly path: string;
  /** Whether the layer has `<path>.bias`. The bias is a float tensor. */
  readonly bias: boolean;
  /** The name of the matrix in the checkpoint. */
  readonly name: string;
  readonly weight: QuantizedWeight;
}

export type Blocks = Extract<QuantizedWeight, { kind: 'blocks' }>;
type Grouped = Extract<QuantizedWeight, { kind: 'grouped' }>;
export type Int8 = Extract<QuantizedWeight, { kind: 'int8' }>;

/**
 * Computes y = x·Wᵀ + b for a quantized W and marks the node with the path of the module.
 *
 * @param x  f32 [tokens, in]
 * @returns f32 [tokens, out]
 */
export function quantizedLinear(builder: GraphBuilder, x: Value, layer: QuantizedLayer): Value {
  const { weight } = layer;
  if (weight.kind === 'blocks') return ofBlocks(builder, x, { ...layer, weight });
  if (weight.kind === 'float8') return ofFloats(builder, x, layer, float8Floats(builder, { ...layer, weight }));
  if (weight.kind === 'decoded') return ofFloats(builder, x, layer, builder.storedWeight(layer.name));
  if (weight.kind === 'mxfp4') return biased(builder, mxfp4Product(builder, x, { ...layer, weight }), layer);
  if (weight.kind === 'grouped') return ofGroups(builder, x, { ...layer, weight });
  return builder.exact ? ofDequantized(builder, x, { ...layer, weight }) : ofBytes(builder, x, { ...layer, weight });
}

/** @param matrix  f32 [out, in] */
function ofFloats(builder: GraphBuilder, x: Value, layer: QuantizedLayer, matrix: Value): Value {
  const tape = builder.tape(layer.path, { [moduleKey]: layer.path });
  return biased(builder, tape.op('Gemm', [x, matrix], { attributes: { transB: 1 } }), layer);
}

function ofBlocks(builder: GraphBuilder, x: Value, layer: QuantizedLayer & { readonly weight: Blocks }): Value {
  const { path, name, weight } = layer;
  const { rows, columns, bits, blockSize, scales, zeroPoints } = weight;
  const blocks = Math.ceil(columns / blockSize);
  const y = blocksProduct(builder, builder.tape(path, { [moduleKey]: path }), {
    x,
    weight,
    packed: builder.bytesOf(name, [rows, blocks, (blockSize * bits) / 8]),
    scales: builder.bytesOf(scales, [rows * blocks]),
    ...(zeroPoints && { zeroPoints: builder.bytesOf(zeroPoints, [zeroPoints.length]) }),
  });
  return biased(builder, y, layer);
}

/** What a product of blocks reads: x, and the tensors of a matrix as MatMulNBits takes them. */
export interface BlocksInputs {
  readonly x: Value;
  readonly weight: Pick<Blocks, 'rows' | 'columns' | 'bits' | 'blockSize' | 'activations'>;
  readonly packed: Value;
  readonly scales: Value;
  readonly zeroPoints?: Value;
}

/** @see com.microsoft MatMulNBits-1. Accuracy level 4 rounds the input to 8 bits, block by block. Level 0 does not round it. */
export function blocksProduct(builder: GraphBuilder, tape: Tape, product: BlocksInputs): Value {
  const { x, weight, packed, scales, zeroPoints } = product;
  const { rows: N, columns: K, bits, blockSize } = weight;
  const isRounded = weight.activations === 'int8';
  const level = !builder.exact && isRounded ? 4 : 0;
  return tape.op('MatMulNBits', [x, packed, scales, ...(zeroPoints ? [zeroPoints] : [])], {
    domain: 'com.microsoft',
    attributes: { K, N, bits, block_size: blockSize, accuracy_level: level },
    ...(isRounded && { metadata: { [roundedInputKey]: '8 bits' } }),
  });
}

/** Multiplies by the blocks that hold the same numbers, or else by floats. The input is not rounded. */
function ofGroups(builder: GraphBuilder, x: Value, layer: QuantizedLayer & { readonly weight: Grouped }): Value {
  const { path, weight } = layer;
  const { rows, columns, bits } = weight;
  const size = exactBlockSize(weight);
  if (size === undefined) return ofFloats(builder, x, layer, groupedFloats(builder, layer));
  const tape = builder.tape(path, { [moduleKey]: path });
  const { packed, scales, zeroPoints, blockSize } = groupedBlocks(builder, layer, size);
  const attributes = { K: columns, N: rows, bits, block_size: blockSize, accuracy_level: 0 };
  const inputs = [x, packed, scales, ...(zeroPoints ? [zeroPoints] : [])];
  return biased(builder, tape.op('MatMulNBits', inputs, { domain: 'com.microsoft', attributes }), layer);
}

/**
 * Multiplies bytes by bytes:
 *
 *   s = max|x| of each token,   y = s · ((round(127 · x / s) + 128) ⊗ W) / 127,   ⊗ multiplies integers and scales each channel
 *
 * WHY not DynamicQuantizeMatMul: it uses one scale for all tokens, so the result of a token depends on the rest of the batch. The node
 * of the module is the product itself, with input x / s and output y / s. Because s is one number per token, an adapter on this node
 * adds the same update as an adapter on x and y.
 *
 * Products of signed weights may overflow on processors without VNNI; `narrowActivations` in `execution` prevents this.
 *
 * @see com.microsoft MatMulIntegerToFloat-1; Dettmers et al. 2022, "LLM.int8()", §2.2 (vector-wise quantization)
 */
function ofBytes(builder: GraphBuilder, x: Value, layer: QuantizedLayer & { readonly weight: Int8 }): Value {
  const { path } = layer;
  const tape = builder.tape(`${path}/int8`);
  const { levels, scale } = roundedRows(tape, x);
  const { name, weight } = layer;
  const product = byteProduct(builder.tape(path, { [moduleKey]: path }), {
    ...weight,
    levels,
    matrix: builder.bytesOf(name, [weight.columns, weight.rows]),
    scales: builder.bytesOf(weight.scales, [weight.rows]),
  });
  return biased(builder, tape.op('Mul', [product, scale]), layer);
}

/**
 * Multiplies the input, not rounded, by the weights as floats, because rounding has no gradient.
 *
 * WHY DequantizeLinear: ONNX Runtime does not compute it when it loads a model, so the weights stay bytes, and each product makes floats of
 * its own matrix alone. WHY the zero: ONNX Runtime fuses a DequantizeLinear of constants with its product, and rounds the input.
 */
function ofDequantized(builder: GraphBuilder, x: Value, layer: QuantizedLayer & { readonly weight: Int8 }): Value {
  const { path, name, weight } = layer;
  const tape = builder.tape(path);
  const levels = builder.bytesOf(name, [weight.columns, weight.rows]);
  const scales = tape.op('Add', [builder.bytesOf(weight.scales, [weight.rows]), zeroAfter(tape, x, 'float32')]);
  const inputs = [levels, scales, ...middlesOf(tape, weight)];
  const matrix = tape.op('DequantizeLinear', inputs, { attributes: { axis: 1 } });
  return biased(builder, builder.tape(path, { [moduleKey]: path }).op('Gemm', [x, matrix]), layer);
}

function biased(builder: GraphBuilder, y: Value, { path, bias }: QuantizedLayer): Value {
  return bias ? builder.tape(path).op('Add', [y, builder.weight(`${path}.bias`)]) : y;
}
