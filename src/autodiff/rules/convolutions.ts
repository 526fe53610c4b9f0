/**
 * Gradients that the rules of convolutions share; each is again a convolution. X [batch, channels, spatial...], W [filters,
 * channels / group, kernel...], Y [batch, filters, spatial...].
 */
import type { Dim, Node, Tape, Value } from '../../ir/index.ts';
import { add, sameAs } from '../emit.ts';
import { shapeOf, shapeValue } from '../shapes.ts';
import { windowAttributes, type Windows } from './windows.ts';

export interface Convolution {
  readonly node: Node;
  readonly windows: Windows;
  readonly group: number;
}

/** dX: the transposed convolution of dY with the same weights, cut to the shape of X. */
export function convolvedInputGradient(
  tape: Tape,
  { node, windows, group }: Convolution,
  { X, W, dY }: { readonly X: Value; readonly W: Value; readonly dY: Value },
): Value {
  const extra = missingAtEnd(shapeOf(X, node), shapeOf(dY, node), windows);
  if (extra) {
    const attributes = { ...windowAttributes(windows), group, output_padding: extra };
    return tape.op('ConvTranspose', [dY, W], { attributes, ...sameAs(X) });
  }
  const { strides, dilations, before } = windows;
  const whole = tape.op('ConvTranspose', [dY, W], { attributes: { strides, dilations, group } });
  // WHY zeros at the end: with strides above 1, the last elements of X may belong to no window.
  const spare = strides.map((stride, axis) => stride - 1 + (windows.after[axis] ?? 0));
  const padded = tape.op('Pad', [whole, tape.int64s([0, 0, ...before.map(() => 0), 0, 0, ...spare])]);
  const axes = before.map((_, axis) => axis + 2);
  const ends = add(tape, tape.op('Shape', [X], { attributes: { start: 2 } }), tape.int64s(before));
  return tape.op('Slice', [padded, tape.int64s(before), ends, tape.int64s(axes)], sameAs(X));
}

/** How many elements the transposed convolution lacks at the end of each axis of X; undefined if that is unknown. */
function missingAtEnd(X: readonly Dim[], dY: readonly Dim[], windows: Windows): number[] | undefined {
  const missing = windows.kernel.flatMap((size, axis) => {
    const [input, output] = [X[axis + 2], dY[axis + 2]];
    if (typeof input !== 'number' || typeof output !== 'number') return [];
    const reach = (windows.dilations[axis] ?? 1) * (size - 1) + 1;
    const padding = (windows.before[axis] ?? 0) + (windows.after[axis] ?? 0);
    return [input + padding - (output - 1) * (windows.strides[axis] ?? 1) - reach];
  });
  const isPlain = missing.length === windows.kernel.length && missing.every((size) => size >= 0);
  return isPlain ? missing : undefined;
}

/**
 * dW: X convolved with dY as the kernel, with strides and dilations exchanged. Batch and channels are exchanged, so that the
 * convolution sums over the batch.
 */
export function convolvedWeightGradient(
  tape: Tape,
  { node, windows, group }: Convolution,
  { X, W, dY }: { readonly X: Value; readonly W: Value; readonly dY: Value },
): Value {
  const { kernel, strides, dilations, before, after } = windows;
  const attributes = { strides: dilations, dilations: strides, pads: [...before, ...after], group };
  const rank = shapeOf(X, node).length;
  const swapped = [1, 0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2)];
  const turn = (x: Value): Value => tape.op('Transpose', [x], { attributes: { perm: swapped } });
  const input = group === 1 ? turn(X) : channelsFirst(tape, X, group, rank);
  const found = tape.op('Conv', [input, turn(dY)], { attributes });
  // WHY the Slice: if the windows do not cover the whole input, the computed kernel is longer than W.
  const cut = tape.op('Slice', [
    found,
    tape.int64s(kernel.map(() => 0)),
    tape.int64s(kernel),
    tape.int64s(kernel.map((_, i) => i + 2)),
  ]);
  return tape.op('Transpose', [cut], { attributes: { perm: swapped }, ...sameAs(W) });
}

/** Rearranges [batch, channels, spatial...] to [channels / group, group · batch, spatial...]. */
function channelsFirst(tape: Tape, X: Value, group: number, rank: number): Value {
  const channels = X.shape?.[1];
  const spatial = Array.from({ length: rank - 2 }, (_, i) => i + 3);
  const rest =
    rank > 2
      ? [shapeValue(tape, X)].map((shape) => tape.op('Slice', [shape, tape.int64s([2]), tape.int64s([rank])]))
      : [];
  const perGroup = typeof channels === 'number' ? channels / group : -1;
  const join = (head: readonly number[]): Value =>
    tape.op('Concat', [tape.int64s(head), ...rest], { attributes: { axis: 0 } });
  const apart = tape.op('Reshape', [X, join([0, group, perGroup])]);
  const turned = tape.op('Transpose', [apart], { attributes: { perm: [2, 1, 0, ...spatial] } });
  return tape.op('Reshape', [turned, join([perGroup, -1])]);
}
