import type { Value } from '../../ir/index.ts';
import { elementCount, tensorOf, typedArray, type TensorData } from '../../tensor/index.ts';
import type { NodeCall } from './upgrade/upgrade.ts';

/** A small integer tensor whose elements are known, row by row. */
interface Integers {
  readonly shape: readonly number[];
  readonly elements: readonly number[];
}

const mostElements = 64;

/**
 * Computes what a node makes of a small known matrix of integers. torch.onnx writes the widths of a Pad as such a computation: it
 * reverses the rows of a matrix. WHY here: shape inference follows lists of integers, and without the widths nothing behind the Pad
 * would have a known shape.
 *
 * @returns undefined for other operators, for lists, and where an element is not known
 */
export function foldIntegers({ opType, domain, inputs, attributes }: NodeCall): TensorData | undefined {
  const data = domain === '' ? integersOf(inputs[0]) : undefined;
  if (data === undefined) return undefined;
  const list = (index: number): readonly number[] | undefined => integersOf(inputs[index])?.elements;
  const perm = attributes.get('perm');
  const folded =
    opType === 'Reshape'
      ? reshaped(data, list(1))
      : opType === 'Transpose' && perm?.kind === 'ints'
        ? transposed(data, perm.value.map(Number))
        : opType === 'Slice'
          ? sliced(data, { starts: list(1), ends: list(2), axes: list(3), steps: list(4) })
          : undefined;
  if (folded === undefined || (data.shape.length < 2 && folded.shape.length < 2)) return undefined;
  return tensorOf('int64', folded.shape, folded.elements);
}

function integersOf(value: Value | undefined): Integers | undefined {
  if (value?.dtype !== 'int64') return undefined;
  const { elements, constant } = value;
  if (elements?.every((element) => typeof element === 'number')) {
    return { shape: value.shape?.length === 0 ? [] : [elements.length], elements };
  }
  if (constant?.kind !== 'inline' || elementCount(constant.tensor.shape) > mostElements) return undefined;
  const { shape } = constant.tensor;
  return { shape, elements: Array.from(typedArray({ ...constant.tensor, dtype: 'int64' }), Number) };
}

function reshaped({ shape, elements }: Integers, target: readonly number[] | undefined): Integers | undefined {
  if (target === undefined) return undefined;
  const dims = target.map((dim, axis) => (dim === 0 ? (shape[axis] ?? 0) : dim));
  const known = dims.filter((dim) => dim >= 0).reduce((product, dim) => product * dim, 1);
  const filled = dims.map((dim) => (dim < 0 ? elements.length / known : dim));
  return elementCount(filled) === elements.length ? { shape: filled, elements } : undefined;
}

function transposed(data: Integers, perm: readonly number[]): Integers | undefined {
  const isOrder = perm.length === data.shape.length && perm.toSorted().every((axis, i) => axis === i);
  if (!isOrder) return undefined;
  const strides = data.shape.map((_, axis) => elementCount(data.shape.slice(axis + 1)));
  const shape = perm.map((axis) => data.shape[axis] ?? 1);
  const places = shape.reduce<number[]>(
    (bases, size, axis) =>
      bases.flatMap((base) => Array.from({ length: size }, (_, i) => base + i * (strides[perm[axis] ?? 0] ?? 0))),
    [0],
  );
  return { shape, elements: places.map((place) => data.elements[place] ?? 0) };
}

interface SliceLists {
  readonly starts: readonly number[] | undefined;
  readonly ends: readonly number[] | undefined;
  readonly axes: readonly number[] | undefined;
  readonly steps: readonly number[] | undefined;
}

function sliced(data: Integers, { starts, ends, axes, steps }: SliceLists): Integers | undefined {
  const [start, end, axis, step = 1] = [starts?.[0], ends?.[0], axes?.[0], steps?.[0]];
  // Only the reversed or shortened rows of a matrix.
  if (start === undefined || end === undefined || axis !== 0 || starts?.length !== 1 || step === 0) return undefined;
  const [rows = 0, ...rest] = data.shape;
  const width = elementCount(rest);
  const [low, high] = step > 0 ? [0, rows] : [-1, rows - 1];
  const bound = (place: number): number => Math.min(Math.max(place < 0 ? place + rows : place, low), high);
  const kept: number[] = [];
  for (let row = bound(start); step > 0 ? row < bound(end) : row > bound(end); row += step) kept.push(row);
  const elements = kept.flatMap((row) => data.elements.slice(row * width, (row + 1) * width));
  return { shape: [kept.length, ...rest], elements };
}
