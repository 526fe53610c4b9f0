import { microsoft } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { notDefined } from '../not-defined.ts';
import { productGradients } from './products.ts';

/**
 * FusedMatMul: Y = alpha · op(A) · op(B) over batches of matrices, where op optionally transposes the last two axes
 *
 *   dA = alpha · dY · op(B)ᵀ, transposed if A was        dB = alpha · op(A)ᵀ · dY, transposed if B was
 *
 * @see com.microsoft FusedMatMul-1
 */
export const fusedMatMulGradient = gradientRule({
  opType: 'FusedMatMul',
  domain: microsoft,
  inputs: ['A', 'B'],
  outputs: ['Y'],
  backward({ tape, node, inputs: { A, B }, gradients: { Y: dY } }) {
    for (const flag of ['transBatchA', 'transBatchB']) {
      if (node.intAttribute(flag, 0) !== 0) throw notDefined(node, `FusedMatMul with ${flag}`);
    }
    const alpha = node.floatAttribute('alpha', 1);
    const [transA, transB] = [node.intAttribute('transA', 0) === 1, node.intAttribute('transB', 0) === 1];
    return productGradients(tape, { node, A, B, dY, transA, transB, alpha });
  },
});
