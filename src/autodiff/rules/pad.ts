import { sameAs, unary } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { constantIntegers } from '../shapes.ts';

/**
 * Pad: constants around the data. A negative width removes elements. (The other modes are lowered to Gather before they are
 * differentiated.)
 *
 *   ddata = doutput padded by the negated widths
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
