import { sameAs } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';
import { notDefined } from '../not-defined.ts';
import { zerosLike } from '../shapes.ts';

/**
 * ScatterND: the data with slices at the indices replaced by updates, or the updates added to them
 *
 *   ddata = doutput, with zeros at the indices unless the updates were added        dupdates = doutput at the indices
 *
 * @see ONNX ScatterND-18
 */
export const scatterNDGradient = gradientRule({
  opType: 'ScatterND',
  inputs: ['data', 'indices', 'updates'],
  outputs: ['output'],
  backward({ tape, node, inputs: { data, indices, updates }, gradients: { output: dY } }) {
    const reduction = node.stringAttribute('reduction', 'none');
    if (reduction !== 'none' && reduction !== 'add') throw notDefined(node, `ScatterND with reduction ${reduction}`);
    return {
      data: () =>
        reduction === 'add' ? dY : tape.op('ScatterND', [dY, indices, zerosLike(tape, updates)], sameAs(data)),
      updates: () => tape.op('GatherND', [dY, indices], sameAs(updates)),
    };
  },
});
