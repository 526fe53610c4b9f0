import { add, microsoft, mul } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { erfGeluSlope } from './gelu-slope.ts';
import { once } from './once.ts';

/**
 * BiasGelu: C = gelu(A + B), where B is a vector
 *
 *   dA = dC ∘ gelu'(A + B)        dB = the same
 *
 * @see com.microsoft BiasGelu-1
 */
export const biasGeluGradient = gradientRule({
  opType: 'BiasGelu',
  domain: microsoft,
  inputs: ['A', 'B'],
  outputs: ['C'],
  backward({ tape, inputs: { A, B }, gradients: { C: dC } }) {
    const dSum = once(() => mul(tape, dC, erfGeluSlope(tape, add(tape, A, B))));
    return { A: dSum, B: dSum };
  },
});
