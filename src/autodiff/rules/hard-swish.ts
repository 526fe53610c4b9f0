import { float } from '../../ir/index.ts';
import { add, keepWhere, mul, sameAs, scalar, scale } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * HardSwish: Y = X ∘ h,   h = X/6 + ½ clamped to [0, 1]
 *
 *   dX = dY ∘ (h + X/6 where 0 < h < 1)
 *
 * @see ONNX HardSwish-22; Howard et al. 2019
 */
export const hardSwishGradient = gradientRule({
  opType: 'HardSwish',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({
    X() {
      const gate = tape.op('HardSigmoid', [X], { attributes: { alpha: float(1 / 6), beta: float(0.5) }, ...sameAs(X) });
      const above = tape.op('Greater', [gate, scalar(tape, 0, X)]);
      const inside = tape.op('And', [above, tape.op('Less', [gate, scalar(tape, 1, X)])]);
      return mul(tape, dY, add(tape, gate, keepWhere(tape, inside, scale(tape, X, 1 / 6))));
    },
  }),
});
