import { scalar } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Where: Z = X where the condition holds, else Y, with broadcasting
 *
 *   dX = dZ where it holds, else 0        dY = 0 where it holds, else dZ
 *
 * @see ONNX Where-16
 */
export const whereGradient = gradientRule({
  opType: 'Where',
  inputs: ['condition', 'X', 'Y'],
  outputs: ['Z'],
  backward: ({ tape, inputs: { condition }, gradients: { Z: dZ } }) => ({
    X: () => tape.op('Where', [condition, dZ, scalar(tape, 0, dZ)]),
    Y: () => tape.op('Where', [condition, scalar(tape, 0, dZ), dZ]),
  }),
});
