/** What gradient rules need about shapes and constants, and the shape arithmetic that they record. */
import { EspalierError } from '../core/index.ts';
import { typedArray, tensorOf } from '../tensor/index.ts';
import type { ConstantData, Dim, Node, Tape, Value } from '../ir/index.ts';
import { sameAs } from './emit.ts';

/** @throws EspalierError GRADIENT_SHAPE_UNKNOWN if even the rank is unknown */
export function shapeOf(value: Value, node: Node): readonly Dim[] {
  return value.shape ?? unknown(value, node, 'the shape');
}

export function rankOf(value: Value, node: Node): number {
  return shapeOf(value, node).length;
}

/** Converts a negative axis to one that counts from the front. */
export function positiveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** The dimensions, if all are numbers. */
export function staticShape(value: Value): readonly number[] | undefined {
  const { shape } = value;
  return shape?.every((dim) => typeof dim === 'number') ? shape : undefined;
}

/** Whether two dimensions are certainly equal: the same number, or the same symbol. */
export function sameDim(a: Dim, b: Dim): boolean {
  return a !== undefined && a === b;
}

export function sameShape(a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((dim, i) => sameDim(dim, b[i]));
}

/** The elements of a constant list or scalar of integers. */
export function constantIntegers(value: Value): number[] | undefined {
  const known = value.elements;
  if (known?.every((element) => typeof element === 'number')) return [...known];
  return constantNumbers(value);
}

/** The elements of a small constant, which is an initializer or the output of a Constant node. */
export function constantNumbers(value: Value): number[] | undefined {
  const constant: ConstantData | undefined = value.constant ?? constantOfNode(value.producer);
  if (constant?.kind !== 'inline') return undefined;
  return Array.from<number | bigint, number>(typedArray(constant.tensor), Number);
}

function constantOfNode(node: Node | undefined): ConstantData | undefined {
  return node?.opType === 'Constant' && node.domain === '' ? node.tensorAttribute('value') : undefined;
}

/** Like `constantIntegers`, for a rule that cannot do without the elements. */
export function requireIntegers(value: Value, node: Node, need: string): number[] {
  return constantIntegers(value) ?? unknown(value, node, need);
}

/** The shape as an int64 list: a constant if every dimension is a number, otherwise a Shape node. */
export function shapeValue(tape: Tape, value: Value): Value {
  const known = staticShape(value);
  return known ? tape.int64s(known) : tape.op('Shape', [value]);
}

/** Reshapes `x` to the shape of `like`. Records nothing if it already has that shape. */
export function reshapeLike(tape: Tape, x: Value, like: Value): Value {
  if (sameShape(x.shape, like.shape)) return x;
  const constant = staticShape(like) ?? openTarget(x.shape, like.shape);
  const target = constant ? tape.int64s(constant) : tape.op('Shape', [like]);
  // WHY: in a shape of numbers, 0 is a dimension of size 0; in one from `openTarget`, it means "as in x".
  const allowzero = constant !== undefined && staticShape(like) === undefined ? 0 : 1;
  return tape.op('Reshape', [x, target], { attributes: { allowzero }, ...sameAs(like), ...dtypeOf(x) });
}

/**
 * The shape as a constant for Reshape: 0 where x has the same symbol at that position, and -1 for at most one other dimension that is
 * not a number. So no Shape node keeps the activation alive until the backward pass.
 */
function openTarget(from: readonly Dim[] | undefined, to: readonly Dim[] | undefined): number[] | undefined {
  const target = to?.map((dim, i) => (typeof dim === 'number' ? dim : sameDim(dim, from?.[i]) ? 0 : -1));
  const isClear = to?.includes(0) === false && (target?.filter((dim) => dim === -1).length ?? 2) <= 1;
  return isClear ? target : undefined;
}

/** Reshapes to a matrix. All axes but the last one are flattened to its rows. */
export function flattenRows(tape: Tape, x: Value, node: Node): Value {
  const shape = shapeOf(x, node);
  if (shape.length === 2) return x;
  return tape.op('Reshape', [x, rowsTarget(tape, x, shape)], { attributes: { allowzero: 1 } });
}

function rowsTarget(tape: Tape, x: Value, shape: readonly Dim[]): Value {
  const [last, rest] = [shape.at(-1), shape.slice(0, -1)];
  if (typeof last === 'number' && last > 0) return tape.int64s([-1, last]);
  if (typeof last === 'number' && rest.every((dim) => typeof dim === 'number')) {
    return tape.int64s([rest.reduce((product, dim) => product * dim, 1), last]);
  }
  const lastDim = tape.op('Shape', [x], { attributes: { start: -1 } });
  return tape.op('Concat', [tape.int64s([-1]), lastDim], { attributes: { axis: 0 } });
}

/** Zeros with the type and shape of `value`. */
export function zerosLike(tape: Tape, value: Value): Value {
  const zero = tensorOf(value.dtype ?? 'float32', [1], [0]);
  return tape.op('ConstantOfShape', [shapeValue(tape, value)], { attributes: { value: zero }, ...sameAs(value) });
}

/** `x` broadcast to the shape of `like`. */
export function expandLike(tape: Tape, x: Value, like: Value): Value {
  if (sameShape(x.shape, like.shape)) return x;
  // WHY: ONNX Runtime 1.30 leaves a dimension 1 unchanged if the constant shape says 0.
  if (staticShape(like)?.includes(0)) return zerosLike(tape, like);
  return tape.op('Expand', [x, shapeValue(tape, like)], { ...sameAs(like), ...dtypeOf(x) });
}

function dtypeOf(value: Value): Pick<ReturnType<typeof sameAs>, 'dtype'> {
  return value.dtype ? { dtype: value.dtype } : {};
}

function unknown(value: Value, node: Node, need: string): never {
  const details = { opType: node.opType, node: node.label, value: value.name, need };
  throw new EspalierError('GRADIENT_SHAPE_UNKNOWN', details);
}
