import { scale } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { productGradients } from './products.ts';

/**
 * Gemm: Y = alpha · op(A) · op(B) + beta · C, where op optionally transposes, and C is broadcast
 *
 *   dA and dB as in `productGradients`        dC = beta · dY
 *
 * For a weight [out, in] with transB, dA is the plain product dY · W.
 * @see ONNX Gemm-13; Giles 2008, "Collected matrix derivative results", §2.2.2
 */
export const gemmGradient = gradientRule({
  opType: 'Gemm',
  inputs: ['A', 'B', 'C?'],
  outputs: ['Y'],
  backward({ tape, node, inputs: { A, B }, gradients: { Y: dY } }) {
    const alpha = node.floatAttribute('alpha', 1);
    const [transA, transB] = [node.intAttribute('transA', 0) === 1, node.intAttribute('transB', 0) === 1];
    return {
      ...productGradients(tape, { node, A, B, dY, transA, transB, alpha }),
      C: () => scale(tape, dY, node.floatAttribute('beta', 1)),
    };
  },
});
