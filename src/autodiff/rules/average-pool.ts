import { tensorOf } from '../../tensor/index.ts';
import type { Node, Tape, Value } from '../../ir/index.ts';
import { div, sameAs, scale } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { notDefined } from '../not-defined.ts';
import { convolvedInputGradient } from './convolutions.ts';
import { reshapeLike } from '../shapes.ts';
import { windowAttributes, windowsOf, type Windows } from './windows.ts';

/**
 * AveragePool: the mean of each window, with or without its padding
 *
 *   dX = dY / (number of elements of the window), distributed over the window by the transposed convolution with a kernel of ones
 *
 * @see ONNX AveragePool-22
 */
export const averagePoolGradient = gradientRule({
  opType: 'AveragePool',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X }, gradients: { Y: dY } }) => ({
    X() {
      if (node.intAttribute('ceil_mode', 0) !== 0) throw notDefined(node, 'AveragePool with ceil_mode');
      const windows = windowsOf(node, X, node.intsAttribute('kernel_shape', []));
      const ones = kernelOfOnes(tape, windows, X);
      const planes = (x: Value): Value => asPlanes(tape, x);
      const shares = divideByCount(tape, { node, windows, ones, X, dY });
      const convolution = { node, windows, group: 1 };
      const spread = convolvedInputGradient(tape, convolution, { X: planes(X), W: ones, dY: planes(shares) });
      return reshapeLike(tape, spread, X);
    },
  }),
});

/** [1, 1, kernel...] */
function kernelOfOnes(tape: Tape, { kernel }: Windows, like: Value): Value {
  const count = kernel.reduce((product, size) => product * size, 1);
  const ones = Array.from({ length: count }, () => 1);
  return tape.constant(tensorOf(like.dtype ?? 'float32', [1, 1, ...kernel], ones));
}

/** Reshapes [batch, channels, spatial...] to [batch · channels, 1, spatial...], so that each channel is a sample of its own. */
function asPlanes(tape: Tape, x: Value): Value {
  const spatial = x.shape?.slice(2) ?? [];
  const target = spatial.every((dim) => typeof dim === 'number')
    ? tape.int64s([-1, 1, ...spatial])
    : tape.op('Concat', [tape.int64s([-1, 1]), tape.op('Shape', [x], { attributes: { start: 2 } })], {
        attributes: { axis: 0 },
      });
  return tape.op('Reshape', [x, target]);
}

interface Pool {
  readonly node: Node;
  readonly windows: Windows;
  readonly ones: Value;
  readonly X: Value;
  readonly dY: Value;
}

function divideByCount(tape: Tape, { node, windows, ones, X, dY }: Pool): Value {
  const isPadded = [...windows.before, ...windows.after].some((zeros) => zeros > 0);
  if (!isPadded || node.intAttribute('count_include_pad', 0) !== 0) {
    return scale(tape, dY, 1 / windows.kernel.reduce((product, size) => product * size, 1));
  }
  const plane = tape.op('Slice', [X, tape.int64s([0, 0]), tape.int64s([1, 1]), tape.int64s([0, 1])], {
    ...(X.shape && { shape: [1, 1, ...X.shape.slice(2)] }),
  });
  const inside = tape.op('Expand', [tape.scalar(1, X.dtype ?? 'float32'), tape.op('Shape', [plane])], sameAs(plane));
  return div(tape, dY, tape.op('Conv', [inside, ones], { attributes: windowAttributes(windows) }));
}
