import { mul } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { erfGeluSlope, tanhGeluSlope } from './gelu-slope.ts';

/**
 * Gelu: Y = X ∘ Φ(X), or its tanh approximation
 *
 *   dX = dY ∘ (Φ(X) + X ∘ φ(X)), or the derivative of the approximation
 *
 * @see ONNX Gelu-20; Hendrycks and Gimpel 2016
 */
export const geluGradient = gradientRule({
  opType: 'Gelu',
  inputs: ['X'],
  outputs: ['Y'],
  backward({ tape, node, inputs: { X }, gradients: { Y: dY } }) {
    const slope = node.stringAttribute('approximate', 'none') === 'tanh' ? tanhGeluSlope : erfGeluSlope;
    return { X: () => mul(tape, dY, slope(tape, X)) };
  },
});
