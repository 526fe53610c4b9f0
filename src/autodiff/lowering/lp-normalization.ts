import { div, mul, sumOver, unary } from '../emit.ts';
import type { Lowering } from './lowering.ts';

/**
 * LpNormalization: X / ‖X‖ₚ along an axis, where p is 1 (the sum of absolute values) or 2 (the root of the sum of squares).
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
