import type { Node, Tape, Value } from '../../ir/index.ts';
import { mul, shift, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { meanOver, normalizedAxes, rmsInputGradient } from './norm.ts';

/**
 * RMSNormalization: Y = X̂ ∘ scale,   X̂ = X ∘ r,   r = 1 / √(mean(X²) + ε)
 *
 *   dX = r ∘ (q − X ∘ r² ∘ mean(q ∘ X)),   q = dY ∘ scale        dscale = Σ dY ∘ X̂
 *
 * The operator has no output for r, so r is recomputed.
 * @see ONNX RMSNormalization-23; Zhang and Sennrich 2019
 */
export const rmsNormalizationGradient = gradientRule({
  opType: 'RMSNormalization',
  inputs: ['X', 'scale'],
  outputs: ['Y'],
  backward({ tape, node, inputs: { X, scale }, gradients: { Y: dY } }) {
    const axes = normalizedAxes(X, node.intAttribute('axis', -1), node);
    const inverse = inverseRms(tape, X, axes, node);
    return {
      X: () => rmsInputGradient(tape, { x: X, inverse, scale, dY, axes }),
      scale: () => mul(tape, mul(tape, dY, X), inverse),
    };
  },
});

function inverseRms(tape: Tape, X: Value, axes: readonly number[], node: Node): Value {
  const square = meanOver(tape, mul(tape, X, X), axes);
  const rms = unary(tape, 'Sqrt', shift(tape, square, node.floatAttribute('epsilon', 1e-5)));
  return unary(tape, 'Reciprocal', rms);
}
