import { sumOver } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { shapeOf } from '../shapes.ts';
import { convolvedInputGradient, convolvedWeightGradient } from './convolutions.ts';
import { windowsOf } from './windows.ts';

/**
 * Conv: Y[n, m, o] = Σ X[n, c, o·stride + k·dilation] · W[m, c, k] + B[m]
 *
 *   dX = the transposed convolution of dY with W
 *   dW = X convolved with dY, with strides and dilations exchanged        dB = Σ dY over all axes but the filters
 *
 * @see ONNX Conv-22; Dumoulin and Visin 2016
 */
export const convGradient = gradientRule({
  opType: 'Conv',
  inputs: ['X', 'W', 'B?'],
  outputs: ['Y'],
  backward({ tape, node, inputs: { X, W }, gradients: { Y: dY } }) {
    const windows = windowsOf(node, X, shapeOf(W, node).slice(2));
    const convolution = { node, windows, group: node.intAttribute('group', 1) };
    return {
      X: () => convolvedInputGradient(tape, convolution, { X, W, dY }),
      W: () => convolvedWeightGradient(tape, convolution, { X, W, dY }),
      B: () => sumOver(tape, dY, [0, ...windows.kernel.map((_, axis) => axis + 2)], false),
    };
  },
});
