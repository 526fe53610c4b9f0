import { microsoft, sameAs, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * RotaryEmbedding of ONNX Runtime: rotates pairs of features by an angle that grows with the position
 *
 *   dinput = the inverse rotation, which is the same operator with negated sines
 *
 * @see com.microsoft RotaryEmbedding-1; Su et al. 2021
 */
export const microsoftRotaryEmbeddingGradient = gradientRule({
  opType: 'RotaryEmbedding',
  domain: microsoft,
  inputs: ['input', 'position_ids', 'cos_cache', 'sin_cache'],
  outputs: ['output'],
  backward: ({ tape, node, inputs, gradients: { output: dY } }) => ({
    input() {
      const { input, position_ids, cos_cache, sin_cache } = inputs;
      const backwards = unary(tape, 'Neg', sin_cache);
      return tape.op('RotaryEmbedding', [dY, position_ids, cos_cache, backwards], {
        domain: microsoft,
        attributes: Object.fromEntries(node.attributes),
        ...sameAs(input),
      });
    },
  }),
});
