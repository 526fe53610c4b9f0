import { sameAs } from '../emit.ts';
import { gradientRule, type GradientRule } from '../gradient-rule.ts';

/**
 * Trilu: one triangle of each matrix, zeros elsewhere
 *
 *   dinput = the same triangle of doutput
 *
 * @see ONNX Trilu-14; com.microsoft Trilu-1
 */
export function triluOf(domain: string): GradientRule {
  return gradientRule({
    opType: 'Trilu',
    domain,
    inputs: ['input', 'k?'],
    outputs: ['output'],
    backward: ({ tape, node, inputs: { input, k }, gradients: { output } }) => ({
      input: () =>
        tape.op('Trilu', [output, k], {
          domain,
          attributes: { upper: node.intAttribute('upper', 1) },
          ...sameAs(input),
        }),
    }),
  });
}

export const triluGradient = triluOf('');
