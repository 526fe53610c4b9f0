import { rankOf } from '../shapes.ts';
import type { Lowering } from './lowering.ts';

/** Lowers a pool over all spatial axes to a reduction over them. */
function globalPool(opType: string, reduction: 'ReduceMean' | 'ReduceMax'): Lowering {
  return {
    opType,
    lower({ tape, node }) {
      const [X] = node.inputs;
      if (X === undefined) return [];
      const axes = Array.from({ length: rankOf(X, node) - 2 }, (_, i) => i + 2);
      const isOld = (tape.model.opsets.get('') ?? 0) < 18;
      // WHY: before opset 18 the axes are an attribute.
      if (isOld) return [tape.op(reduction, [X], { attributes: { axes, keepdims: 1 } })];
      return [tape.op(reduction, [X, tape.int64s(axes)], { attributes: { keepdims: 1 } })];
    },
  };
}

/** @see ONNX GlobalAveragePool-22 */
export const globalAveragePoolLowering = globalPool('GlobalAveragePool', 'ReduceMean');

/** Elements that tie for the maximum share the gradient equally. @see ONNX GlobalMaxPool-22 */
export const globalMaxPoolLowering = globalPool('GlobalMaxPool', 'ReduceMax');
