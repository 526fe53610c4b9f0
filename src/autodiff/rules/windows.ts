/**
 * The sliding windows of convolutions and pools along spatial axes. Gradients are not known here.
 */
import type { Dim, Node, Value } from '../../ir/index.ts';
import { notDefined } from '../not-defined.ts';
import { shapeOf } from '../shapes.ts';

/** One entry for each spatial axis. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Number of zeros before and after the input. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** The attributes of an operator with the same windows. */
export function windowAttributes({ strides, dilations, before, after }: Windows): Record<string, readonly number[]> {
  return { strides, dilations, pads: [...before, ...after] };
}

/**
 * The windows of a node over `x`. `auto_pad` is resolved to explicit padding.
 * @throws EspalierError GRADIENT_NOT_DEFINED if the size of the kernel or the padding is unknown
 */
export function windowsOf(node: Node, x: Value, kernelShape: readonly Dim[]): Windows {
  const spatial = shapeOf(x, node).slice(2);
  const ones = spatial.map(() => 1);
  const kernel = kernelShape.flatMap((size) => (typeof size === 'number' ? size : []));
  if (kernel.length !== spatial.length) throw notDefined(node, `${node.opType} with a kernel of unknown size`);
  const strides = node.intsAttribute('strides', ones);
  const dilations = node.intsAttribute('dilations', ones);
  const windows = { kernel, strides, dilations };
  const padding = node.stringAttribute('auto_pad', 'NOTSET');
  if (padding === 'NOTSET' || padding === 'VALID') {
    const pads = padding === 'VALID' ? [] : (node.intsAttribute('pads') ?? []);
    const zeros = spatial.map(() => 0);
    return {
      ...windows,
      before: pads.slice(0, ones.length).concat(pads.length ? [] : zeros),
      after: pads.length ? pads.slice(ones.length) : zeros,
    };
  }
  const totals = spatial.map((size, axis) => samePadding(node, { size, axis, ...windows }));
  const [small, large] = [totals.map((total) => Math.floor(total / 2)), totals.map((total) => Math.ceil(total / 2))];
  return padding === 'SAME_UPPER'
    ? { ...windows, before: small, after: large }
    : { ...windows, before: large, after: small };
}

interface Axis extends Pick<Windows, 'kernel' | 'strides' | 'dilations'> {
  readonly size: Dim;
  readonly axis: number;
}

/** The padding of `auto_pad` SAME: the output has the length of the input divided by the stride, rounded up. */
function samePadding(node: Node, { size, axis, kernel, strides, dilations }: Axis): number {
  const stride = strides[axis] ?? 1;
  const reach = (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
  if (stride === 1) return reach - 1;
  if (typeof size !== 'number') throw notDefined(node, `${node.opType} with auto_pad over a dimension of unknown size`);
  return Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
}
