import { add, microsoft, mul } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { tanhGeluSlope } from './gelu-slope.ts';
import { once } from './once.ts';

/**
 * FastGelu: Y = gelu(X + bias), in the tanh approximation
 *
 *   dX = dY ∘ gelu'(X + bias)        dbias = the same
 *
 * @see com.microsoft FastGelu-1
 */
export const fastGeluGradient = gradientRule({
  opType: 'FastGelu',
  domain: microsoft,
  inputs: ['X', 'bias?'],
  outputs: ['Y'],
  backward({ tape, inputs: { X, bias }, gradients: { Y: dY } }) {
    const dSum = once(() => mul(tape, dY, tanhGeluSlope(tape, bias ? add(tape, X, bias) : X)));
    return { X: dSum, bias: dSum };
  },
});
