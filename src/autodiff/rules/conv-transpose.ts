import { sameAs, sumOver } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { notDefined } from '../not-defined.ts';
import { shapeOf } from '../shapes.ts';
import { convolvedWeightGradient } from './convolutions.ts';
import { windowAttributes, windowsOf } from './windows.ts';

/**
 * ConvTranspose: each element of X times W is added to a window of Y; windows begin `strides` apart
 *
 *   dX = the convolution of dY with W
 *   dW = dY convolved with X, with strides and dilations exchanged        dB = Σ dY over all axes but the filters
 *
 * @see ONNX ConvTranspose-22; Dumoulin and Visin 2016
 */
export const convTransposeGradient = gradientRule({
  opType: 'ConvTranspose',
  inputs: ['X', 'W', 'B?'],
  outputs: ['Y'],
  backward({ tape, node, inputs: { X, W }, gradients: { Y: dY } }) {
    if (node.attributes.has('output_shape')) throw notDefined(node, 'ConvTranspose with output_shape');
    const padding = node.stringAttribute('auto_pad', 'NOTSET');
    if (padding.startsWith('SAME')) throw notDefined(node, `ConvTranspose with auto_pad ${padding}`);
    const windows = windowsOf(node, X, shapeOf(W, node).slice(2));
    const group = node.intAttribute('group', 1);
    return {
      X: () => tape.op('Conv', [dY, W], { attributes: { ...windowAttributes(windows), group }, ...sameAs(X) }),
      W: () => convolvedWeightGradient(tape, { node, windows, group }, { X: dY, W, dY: X }),
      B: () => sumOver(tape, dY, [0, ...windows.kernel.map((_, axis) => axis + 2)], false),
    };
  },
});
