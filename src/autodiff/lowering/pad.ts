import { notDefined } from '../not-defined.ts';
import { constantIntegers, positiveAxis, rankOf } from '../shapes.ts';
import { dimScalar } from './dimensions.ts';
import { range } from './attention-mask.ts';
import type { Lowering } from './lowering.ts';

/**
 * Pad in the modes edge, reflect and wrap, as a Gather: the positions along each axis are padded in the same mode, and the data is
 * gathered at the padded positions. Padding with a constant is not lowered.
 * @see ONNX Pad-24
 */
export const padLowering: Lowering = {
  opType: 'Pad',
  lower({ tape, node }) {
    const mode = node.stringAttribute('mode', 'constant');
    const [data, pads, , axes] = node.inputs;
    if (mode === 'constant' || data === undefined || pads === undefined) return undefined;
    const widths = constantIntegers(pads);
    const rank = rankOf(data, node);
    const places = axes ? constantIntegers(axes) : Array.from({ length: rank }, (_, axis) => axis);
    if (widths === undefined || places === undefined) throw notDefined(node, `Pad by ${mode} of unknown width`);
    let result = data;
    for (const [index, place] of places.entries()) {
      const around = [widths[index] ?? 0, widths[index + places.length] ?? 0];
      if (around.every((width) => width === 0)) continue;
      const axis = positiveAxis(place, rank);
      const positions = range(tape, dimScalar(tape, data, axis));
      const padded = tape.op('Pad', [positions, tape.int64s(around)], { attributes: { mode } });
      result = tape.op('Gather', [result, padded], { attributes: { axis } });
    }
    return [result];
  },
};
