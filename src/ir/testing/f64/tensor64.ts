import { toFloat32, typedArray, type TensorData } from '../../../tensor/index.ts';

/** A tensor whose numbers are held as f64, whatever their type in the graph. Booleans are 0 and 1. */
export interface Tensor64 {
  readonly shape: readonly number[];
  readonly values: Float64Array;
  /** Whether the graph holds integers or booleans, whose quotients are rounded towards 0. */
  readonly isWhole: boolean;
}

export function floats(shape: readonly number[], values: Float64Array): Tensor64 {
  return { shape, values, isWhole: false };
}

export function wholes(shape: readonly number[], values: ArrayLike<number>): Tensor64 {
  return { shape, values: Float64Array.from(values), isWhole: true };
}

/** The numbers of a tensor without rounding. Half floats become their values. */
export function tensor64(data: TensorData): Tensor64 {
  const { dtype, shape } = data;
  if (dtype === 'float16' || dtype === 'bfloat16') return floats(shape, Float64Array.from(toFloat32(data)));
  const values = Float64Array.from(typedArray(data), Number);
  return { shape, values, isWhole: !dtype.startsWith('float') };
}

export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** How far apart the neighbours along each axis lie. */
export function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => countOf(shape.slice(axis + 1)));
}

/** Numbers of an array, at a place and with strides of their own. */
export interface View {
  readonly values: Float64Array;
  readonly strides: readonly number[];
  readonly offset?: number;
}

/** Copies a block of numbers from one view to another. */
export function copyBlock(shape: readonly number[], from: View, to: View): void {
  const count = countOf(shape);
  const place = shape.map(() => 0);
  let [source, target] = [from.offset ?? 0, to.offset ?? 0];
  for (let i = 0; i < count; i++) {
    to.values[target] = from.values[source] ?? NaN;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const [extent, step, stride] = [shape[axis] ?? 0, from.strides[axis] ?? 0, to.strides[axis] ?? 0];
      const next = (place[axis] ?? 0) + 1;
      source += step;
      target += stride;
      place[axis] = next;
      if (next < extent) break;
      source -= step * extent;
      target -= stride * extent;
      place[axis] = 0;
    }
  }
}

/** The numbers of a view, one after the other. */
export function gathered(shape: readonly number[], view: View): Float64Array {
  const values = new Float64Array(countOf(shape));
  copyBlock(shape, view, { values, strides: stridesOf(shape) });
  return values;
}

/** The shape that several shapes are broadcast to. */
export function broadcastShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const extents = shapes.flatMap((shape) => shape[axis - rank + shape.length] ?? []);
    const wide = extents.filter((extent) => extent !== 1);
    if (new Set(wide).size > 1) throw new RangeError(`${JSON.stringify(shapes)} cannot be broadcast`);
    return wide[0] ?? 1;
  });
}

/** The numbers of a tensor, repeated along the axes that it lacks or has once. */
export function broadcastTo({ shape, values }: Tensor64, target: readonly number[]): Float64Array {
  if (shape.join() === target.join()) return values;
  const missing = target.length - shape.length;
  const own = stridesOf(shape);
  const strides = target.map((_, axis) => ((shape[axis - missing] ?? 1) === 1 ? 0 : (own[axis - missing] ?? 0)));
  return gathered(target, { values, strides });
}

/** A shape as seen from one axis: the number of slices before it, its extent, and the numbers after it. */
export function around(
  shape: readonly number[],
  axis: number,
): { readonly axis: number; readonly outer: number; readonly extent: number; readonly inner: number } {
  const place = axis < 0 ? axis + shape.length : axis;
  const extent = shape[place];
  if (extent === undefined) throw new RangeError(`[${shape.join(', ')}] has no axis ${axis}`);
  return { axis: place, outer: countOf(shape.slice(0, place)), extent, inner: countOf(shape.slice(place + 1)) };
}

/** A shape with another extent of one axis. */
export function withExtent(shape: readonly number[], axis: number, extent: number): number[] {
  return shape.map((own, place) => (place === axis ? extent : own));
}
