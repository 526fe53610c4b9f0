import { byteProduct, type Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';
import type { QuantizedWeight, WeightRef } from '../weight-ref.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { weightName, type LinearLayer } from './linear.ts';
import { blocksProduct, type Blocks, type Int8 } from './quantized-linear.ts';

/**
 * Whether several layers that read the same rows can be one product, whose results lie side by side. Not in training, which reads and
 * changes each matrix by itself.
 */
export function canJoin(builder: GraphBuilder, layers: readonly LinearLayer[]): boolean {
  const isPlain = ({ bias, transposed, ...layer }: LinearLayer): boolean =>
    !bias && transposed !== true && !builder.isInput(weightName(layer));
  if (builder.exact || !layers.every(isPlain)) return false;
  const [first, ...others] = layers.map((layer) => formOf(builder.ref(weightName(layer))));
  return first !== undefined && others.every((form) => form === first);
}

/** What the weights of a joined product have in common; undefined for weights of which there is none. */
function formOf({ dtype, quantized, decoding }: WeightRef): string | undefined {
  if (quantized === undefined) return decoding === undefined ? dtype : undefined;
  const { kind, columns } = quantized;
  if (kind === 'int8') return `${kind} ${columns} ${quantized.signed}`;
  if (kind !== 'blocks') return undefined;
  const { bits, blockSize, activations, zeroPoints } = quantized;
  return `${kind} ${columns} ${bits} ${blockSize} ${activations} ${zeroPoints !== undefined}`;
}

/** The results of several layers side by side, by one product. @param x  f32 [tokens, in] @returns f32 [tokens, sum of out] */
export function joinedProduct(builder: GraphBuilder, x: Value, layers: readonly LinearLayer[]): Value {
  const refs = layers.map((layer) => builder.ref(weightName(layer)));
  const tape = builder.tape(joinedPath(layers));
  const blocks = every(refs, 'blocks');
  if (blocks === undefined) {
    const stored = joinedRows(builder, refs, ({ shape }) => shape);
    const matrix =
      stored.dtype === 'float32'
        ? stored
        : tape.op('Cast', [stored], { attributes: { to: dataTypeNumber('float32') } });
    return tape.op('Gemm', [x, matrix], { attributes: { transB: 1 } });
  }
  const [{ columns, bits, blockSize }] = blocks;
  const count = Math.ceil(columns / blockSize);
  const zeros = blocks.flatMap(({ zeroPoints }) => zeroPoints ?? []);
  const rows = (of: number): number => blocks[of]?.rows ?? 0;
  return blocksProduct(builder, tape, {
    x,
    weight: { ...blocks[0], rows: blocks.reduce((sum, weight) => sum + weight.rows, 0) },
    packed: joinedRows(builder, refs, (_, of) => [rows(of), count, (blockSize * bits) / 8]),
    scales: joinedRows(
      builder,
      blocks.map(({ scales }) => scales),
      (_, of) => [rows(of) * count],
    ),
    ...(zeros.length > 0 && { zeroPoints: joinedRows(builder, zeros, ({ length }) => [length]) }),
  });
}

/** The same for rounded rows and matrices of bytes; see `byteProduct`. @param levels  u8 [tokens, in] */
export function joinedByteProduct(builder: GraphBuilder, levels: Value, layers: readonly LinearLayer[]): Value {
  const tape = builder.tape(joinedPath(layers));
  const parts = layers.flatMap((layer) => {
    const name = weightName(layer);
    const weight = builder.quantized(name);
    return weight?.kind === 'int8' ? [{ name, weight }] : [];
  });
  const [first] = parts;
  if (first === undefined) throw new TypeError('the layers have no matrices of bytes');
  const { columns, signed } = first.weight;
  const matrices = parts.map(({ name, weight }) => builder.bytesOf(name, [columns, weight.rows]));
  const scales = parts.map(({ weight }) => builder.bytesOf(weight.scales, [weight.rows]));
  const joined = (values: readonly Value[], axis: number): Value => {
    const [only] = values;
    return only && values.length === 1 ? only : tape.op('Concat', values, { attributes: { axis } });
  };
  const rows = parts.reduce((sum, { weight }) => sum + weight.rows, 0);
  return byteProduct(tape, { levels, matrix: joined(matrices, 1), scales: joined(scales, 0), rows, signed });
}

/** The matrices of bytes of layers, if all are of this kind. */
export function areBytes(builder: GraphBuilder, layers: readonly LinearLayer[]): boolean {
  return (
    every(
      layers.map((layer) => builder.ref(weightName(layer))),
      'int8',
    ) !== undefined
  );
}

interface Kinds {
  readonly blocks: Blocks;
  readonly int8: Int8;
}

function every<Kind extends keyof Kinds>(
  refs: readonly WeightRef[],
  kind: Kind,
): readonly [Kinds[Kind], ...Kinds[Kind][]] | undefined {
  const isKind = (weight: QuantizedWeight): weight is Kinds[Kind] => weight.kind === kind;
  const found = refs.flatMap(({ quantized }) => (quantized && isKind(quantized) ? [quantized] : []));
  const [first, ...others] = found;
  return first && found.length === refs.length ? [first, ...others] : undefined;
}

/**
 * Tensors one below the other. Those that lie so in their file are one range of it; ONNX Runtime joins others once, when it loads the
 * model.
 */
function joinedRows(
  builder: GraphBuilder,
  refs: readonly WeightRef[],
  shapeOf: (ref: WeightRef, index: number) => readonly number[],
): Value {
  const [first, ...others] = refs;
  if (first === undefined) throw new TypeError('there is nothing to join');
  const shapes = refs.map((ref, index) => shapeOf(ref, index));
  const areNeighbours = refs.every((ref, index) => {
    const before = refs[index - 1];
    if (ref.decoding !== undefined) return false;
    return before === undefined || (ref.location === before.location && ref.offset === before.offset + before.length);
  });
  if (!areNeighbours) {
    const parts = refs.map((ref, index) => builder.bytesOf(ref, shapes[index] ?? []));
    return builder.tape(`${first.name}/joined`).op('Concat', parts, { attributes: { axis: 0 } });
  }
  const rows = shapes.reduce((sum, [count = 0]) => sum + count, 0);
  const name = [first, ...others].map((ref) => ref.name).join('+');
  const length = refs.reduce((sum, ref) => sum + ref.length, 0);
  return builder.bytesOf({ ...first, name, length }, [rows, ...(shapes[0]?.slice(1) ?? [])]);
}

function joinedPath(layers: readonly LinearLayer[]): string {
  return layers.map(({ path }) => path).join('+');
}
