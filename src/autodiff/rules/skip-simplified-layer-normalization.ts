import type { Value } from '../../ir/index.ts';
import { add, microsoft, mul } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { savedOutput } from '../saved-output.ts';
import { rmsInputGradient, statistic, statisticsShape } from './norm.ts';
import { once } from './once.ts';

const axes = [-1];

/**
 * SkipSimplifiedLayerNormalization: sum = input + skip + bias,   output = RMSNorm(sum) ∘ gamma
 *
 *   dsum = the gradient of the fourth output + the gradient through the norm; dinput = dskip = dbias = dsum
 *   dgamma = Σ doutput ∘ sum ∘ r
 *
 * r is the third output and the sum the fourth. The rule adds them to the forward node if they are missing.
 * @see com.microsoft SkipSimplifiedLayerNormalization-1
 */
export const skipSimplifiedLayerNormalizationGradient = gradientRule({
  opType: 'SkipSimplifiedLayerNormalization',
  domain: microsoft,
  inputs: ['input', 'skip', 'gamma', 'bias?'],
  outputs: ['output?', 'mean?', 'inv_std_var?', 'input_skip_bias_sum?'],
  backward({ tape, node, inputs: { input, gamma }, gradients }) {
    const { output: dY, input_skip_bias_sum: dPassed } = gradients;
    const { dtype, shape } = input;
    const save = (index: number, name: string, like: Pick<Value, 'dtype' | 'shape'>): Value =>
      savedOutput(tape, node, { index, name, dtype: like.dtype, shape: like.shape });
    const sum = once(() => save(3, 'input_skip_bias_sum', { dtype, shape }));
    const inverse = once(() => {
      const statistics = { dtype: 'float32', shape: statisticsShape(input, axes, node) } as const;
      return statistic(tape, save(2, 'inv_std_var', statistics), input);
    });
    const dSum = once(() => {
      const dNorm = dY && rmsInputGradient(tape, { x: sum(), inverse: inverse(), scale: gamma, dY, axes });
      return dNorm && dPassed ? add(tape, dNorm, dPassed) : (dNorm ?? dPassed ?? input);
    });
    return {
      input: dSum,
      skip: dSum,
      bias: dSum,
      gamma: dY && (() => mul(tape, mul(tape, dY, sum()), inverse())),
    };
  },
});
