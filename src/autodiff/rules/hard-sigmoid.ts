import { keepWhere, scalar, scale } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * HardSigmoid: Y = αX + β, clamped to [0, 1]
 *
 *   dX = α·dY where 0 < Y < 1, else 0
 *
 * @see ONNX HardSigmoid-22
 */
export const hardSigmoidGradient = gradientRule({
  opType: 'HardSigmoid',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, node, outputs: { Y }, gradients: { Y: dY } }) => ({
    X() {
      const above = tape.op('Greater', [Y, scalar(tape, 0, Y)]);
      const inside = tape.op('And', [above, tape.op('Less', [Y, scalar(tape, 1, Y)])]);
      return keepWhere(tape, inside, scale(tape, dY, node.floatAttribute('alpha', 0.2)));
    },
  }),
});
