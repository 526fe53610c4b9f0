import { keepWhere, mul, scalar } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * PRelu: Y = X where X ≥ 0, else slope ∘ X, with broadcasting of the slope
 *
 *   dX = dY where X ≥ 0, else slope ∘ dY        dslope = X ∘ dY where X < 0, else 0
 *
 * @see ONNX PRelu-16; He et al. 2015
 */
export const pReluGradient = gradientRule({
  opType: 'PRelu',
  inputs: ['X', 'slope'],
  outputs: ['Y'],
  backward({ tape, inputs: { X, slope }, gradients: { Y: dY } }) {
    const negative = tape.op('Less', [X, scalar(tape, 0, X)]);
    return {
      X: () => tape.op('Where', [negative, mul(tape, dY, slope), dY]),
      slope: () => keepWhere(tape, negative, mul(tape, X, dY)),
    };
  },
});
