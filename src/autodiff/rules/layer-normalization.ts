import { mul, sub } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { savedOutput } from '../saved-output.ts';
import { layerInputGradient, normalizedAxes, statistic, statisticsShape } from './norm.ts';
import { once } from './once.ts';

/**
 * LayerNormalization: Y = X̂ ∘ scale + B,   X̂ = (X − mean) ∘ r,   r = 1 / √(variance + ε)
 *
 *   dX = r ∘ (q − mean(q) − X̂ ∘ mean(q ∘ X̂)),   q = dY ∘ scale        dscale = Σ dY ∘ X̂        dB = Σ dY
 *
 * Mean and r are the second and third output, which the rule adds to the forward node if they are missing.
 * @see ONNX LayerNormalization-17; Ba et al. 2016
 */
export const layerNormalizationGradient = gradientRule({
  opType: 'LayerNormalization',
  inputs: ['X', 'scale', 'B?'],
  outputs: ['Y'],
  backward({ tape, node, inputs: { X, scale }, gradients: { Y: dY } }) {
    const axes = normalizedAxes(X, node.intAttribute('axis', -1), node);
    const saved = { dtype: 'float32', shape: statisticsShape(X, axes, node) } as const;
    const inverse = once(() => statistic(tape, savedOutput(tape, node, { index: 2, name: 'inv_std', ...saved }), X));
    const normalized = once(() => {
      const mean = statistic(tape, savedOutput(tape, node, { index: 1, name: 'mean', ...saved }), X);
      return mul(tape, sub(tape, X, mean), inverse());
    });
    return {
      X: () => layerInputGradient(tape, { normalized: normalized(), inverse: inverse(), scale, dY, axes }),
      scale: () => mul(tape, dY, normalized()),
      B: () => dY,
    };
  },
});
