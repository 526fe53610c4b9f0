import { sameAs } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { notDefined } from '../not-defined.ts';
import { zerosLike } from '../shapes.ts';

/**
 * ScatterElements: the data, in which the elements at the indices of one axis are replaced by updates, or the updates added to them
 *
 *   ddata = doutput, with zeros at the indices unless the updates were added        dupdates = doutput at the indices
 *
 * @see ONNX ScatterElements-18
 */
export const scatterElementsGradient = gradientRule({
  opType: 'ScatterElements',
  inputs: ['data', 'indices', 'updates'],
  outputs: ['output'],
  backward({ tape, node, inputs: { data, indices, updates }, gradients: { output: dY } }) {
    const reduction = node.stringAttribute('reduction', 'none');
    if (reduction !== 'none' && reduction !== 'add')
      throw notDefined(node, `ScatterElements with reduction ${reduction}`);
    const attributes = { axis: node.intAttribute('axis', 0) };
    return {
      data: () =>
        reduction === 'add'
          ? dY
          : tape.op('ScatterElements', [dY, indices, zerosLike(tape, updates)], { attributes, ...sameAs(data) }),
      updates: () => tape.op('GatherElements', [dY, indices], { attributes, ...sameAs(updates) }),
    };
  },
});
