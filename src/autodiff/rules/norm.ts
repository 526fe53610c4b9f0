/**
 * The gradients that the norms share. Knows formulas, knows nothing of the operators' inputs and outputs.
 */
import type { Dim, Node, Tape, Value } from '../../ir/index.ts';
import { cast, mul, sub } from '../emit.ts';
import { positiveAxis, shapeOf } from '../shapes.ts';

export interface Norm {
  readonly x: Value;
  /** 1 / (root mean square, or standard deviation), the normalized axes kept as 1. */
  readonly inverse: Value;
  readonly scale: Value;
  readonly dY: Value;
  /** The axes that are normalized, from the back: all up to the last one. */
  readonly axes: readonly number[];
}

/**
 * Of y = x̂ ∘ g, x̂ = x ∘ r, r = 1/rms(x):
 *
 *   dx = r ∘ (q − x ∘ r² ∘ mean(q ∘ x)),   q = dy ∘ g
 */
export function rmsInputGradient(tape: Tape, { x, inverse, scale, dY, axes }: Norm): Value {
  const q = mul(tape, dY, scale);
  const mean = meanOver(tape, mul(tape, q, x), axes);
  const along = mul(tape, mul(tape, inverse, inverse), mean);
  return mul(tape, sub(tape, q, mul(tape, x, along)), inverse);
}

/**
 * Of y = x̂ ∘ g, x̂ having mean 0 and variance 1:
 *
 *   dx = r ∘ (q − mean(q) − x̂ ∘ mean(q ∘ x̂)),   q = dy ∘ g
 */
export function layerInputGradient(tape: Tape, norm: Omit<Norm, 'x'> & { readonly normalized: Value }): Value {
  const { normalized, inverse, scale, dY, axes } = norm;
  const q = mul(tape, dY, scale);
  const along = mul(tape, normalized, meanOver(tape, mul(tape, q, normalized), axes));
  return mul(tape, sub(tape, sub(tape, q, meanOver(tape, q, axes)), along), inverse);
}

/** The mean over axes, which stay as 1. */
export function meanOver(tape: Tape, x: Value, axes: readonly number[]): Value {
  // WHY: ReduceMean takes its axes as an input only since opset 18.
  if ((tape.model.opsets.get('') ?? 0) < 18) return tape.op('ReduceMean', [x], { attributes: { axes, keepdims: 1 } });
  return tape.op('ReduceMean', [x, tape.int64s(axes)], { attributes: { keepdims: 1 } });
}

/** The axes from `axis` to the last one, counted from the back. */
export function normalizedAxes(x: Value, axis: number, node: Node): number[] {
  const rank = shapeOf(x, node).length;
  const first = positiveAxis(axis, rank);
  return Array.from({ length: rank - first }, (_, i) => first + i - rank);
}

/** The shape of a norm's statistics: that of x, the normalized axes as 1. */
export function statisticsShape(x: Value, axes: readonly number[], node: Node): readonly Dim[] {
  const shape = shapeOf(x, node);
  return shape.map((dim, i) => (axes.includes(i - shape.length) ? 1 : dim));
}

/** A statistic in the type of x: the kernels give f32 for f64. */
export function statistic(tape: Tape, value: Value, x: Value): Value {
  return cast(tape, value, x.dtype ?? 'float32');
}
