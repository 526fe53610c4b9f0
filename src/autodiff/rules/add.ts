import { gradientRule } from '../gradient-rule.ts';

/**
 * Add: C = A + B, with broadcasting
 *
 *   dA = dC        dB = dC
 *
 * @see ONNX Add-14
 */
export const addGradient = gradientRule({
  opType: 'Add',
  inputs: ['A', 'B'],
  outputs: ['C'],
  backward: ({ gradients: { C: dC } }) => ({ A: () => dC, B: () => dC }),
});
