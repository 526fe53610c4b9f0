import { sameAs, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { constantIntegers } from '../shapes.ts';

/**
 * Pad: constants around the data, or elements taken away where a width is negative. (Edges and reflections are gathered before
 * they are differentiated.)
 *
 *   ddata = doutput padded by the negative widths
 *
 * @see ONNX Pad-24
 */
export const padGradient = gradientRule({
  opType: 'Pad',
  inputs: ['data', 'pads', 'constant_value?', 'axes?'],
  outputs: ['output'],
  backward: ({ tape, inputs: { data, pads, axes }, gradients: { output: dY } }) => ({
    data() {
      const known = constantIntegers(pads);
      const back = known ? tape.int64s(known.map((width) => -width)) : unary(tape, 'Neg', pads);
      return tape.op('Pad', axes ? [dY, back, undefined, axes] : [dY, back], sameAs(data));
    },
  }),
});
