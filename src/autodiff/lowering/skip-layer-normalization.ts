import { add, microsoft } from '../emit.ts';
import { requireInput } from './heads.ts';
import type { Lowering } from './lowering.ts';

/**
 * SkipLayerNormalization: sum = input + skip + bias,   output = LayerNorm(sum) ∘ gamma + beta
 *
 * @see com.microsoft SkipLayerNormalization-1
 */
export const skipLayerNormalizationLowering: Lowering = {
  opType: 'SkipLayerNormalization',
  domain: microsoft,
  lower({ tape, node }) {
    const [input, skip, gamma] = ['input', 'skip', 'gamma'].map((name, index) => requireInput(node, index, name));
    const [, , , beta, bias] = node.inputs;
    if (input === undefined || skip === undefined) return undefined;
    const sum = add(tape, input, skip);
    const total = bias ? add(tape, sum, bias) : sum;
    const attributes = { axis: -1, epsilon: node.attributes.get('epsilon') };
    const inputs = beta ? [total, gamma, beta] : [total, gamma];
    return [...tape.ops('LayerNormalization', inputs, { attributes, outputs: 3 }), total];
  },
};
