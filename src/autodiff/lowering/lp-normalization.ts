import { div, mul, sumOver, unary } from '../emit.ts';
import type { Lowering } from './lowering.ts';

/**
 * LpNormalization: X divided by its norm along an axis: the sum of its absolute values, or the root of the sum of its squares.
 * @see ONNX LpNormalization-22
 */
export const lpNormalizationLowering: Lowering = {
  opType: 'LpNormalization',
  lower({ tape, node }) {
    const [X] = node.inputs;
    if (X === undefined) return undefined;
    const axes = [node.intAttribute('axis', -1)];
    if (node.intAttribute('p', 2) === 1) return [div(tape, X, sumOver(tape, unary(tape, 'Abs', X), axes, true))];
    return [div(tape, X, unary(tape, 'Sqrt', sumOver(tape, mul(tape, X, X), axes, true)))];
  },
};
