import { mul } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { savedOutput } from '../saved-output.ts';
import { normalizedAxes, rmsInputGradient, statistic, statisticsShape } from './norm.ts';

/**
 * SimplifiedLayerNormalization (RMSNorm): Y = X̂ ∘ scale,   X̂ = X ∘ r,   r = 1 / √(mean(X²) + ε)
 *
 *   dX = r ∘ (q − X ∘ r² ∘ mean(q ∘ X)),   q = dY ∘ scale        dscale = Σ dY ∘ X̂
 *
 * r is the second output, which the rule adds to the forward node if it is missing.
 * @see ONNX Runtime SimplifiedLayerNormalization-1; Zhang and Sennrich 2019
 */
export const simplifiedLayerNormalizationGradient = gradientRule({
  opType: 'SimplifiedLayerNormalization',
  inputs: ['X', 'scale'],
  outputs: ['Y'],
  backward({ tape, node, inputs: { X, scale }, gradients: { Y: dY } }) {
    const axes = normalizedAxes(X, node.intAttribute('axis', -1), node);
    const shape = statisticsShape(X, axes, node);
    const saved = savedOutput(tape, node, { index: 1, name: 'inv_std_var', dtype: 'float32', shape });
    const inverse = statistic(tape, saved, X);
    return {
      X: () => rmsInputGradient(tape, { x: X, inverse, scale, dY, axes }),
      scale: () => mul(tape, mul(tape, dY, X), inverse),
    };
  },
});
