import { sameAs, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * RotaryEmbedding: rotates pairs of features by an angle that grows with the position
 *
 *   dX = the inverse rotation, which is the same operator with negated sines
 *
 * @see ONNX RotaryEmbedding-23; Su et al. 2021
 */
export const rotaryEmbeddingGradient = gradientRule({
  opType: 'RotaryEmbedding',
  inputs: ['X', 'cos_cache', 'sin_cache', 'position_ids?'],
  outputs: ['Y'],
  backward: ({ tape, node, inputs: { X, cos_cache, sin_cache, position_ids }, gradients: { Y: dY } }) => ({
    X: () =>
      tape.op(
        'RotaryEmbedding',
        [dY, cos_cache, unary(tape, 'Neg', sin_cache), ...(position_ids ? [position_ids] : [])],
        {
          attributes: Object.fromEntries(node.attributes),
          ...sameAs(X),
        },
      ),
  }),
});
