import { cast } from '../emit.ts';
import { gradientRule } from '../gradient-rule.ts';

/**
 * Cast between floats: Y = X in another type. (A cast to integers ends the path, because integers have no gradient.)
 *
 *   dX = dY in the type of X
 *
 * @see ONNX Cast-21
 */
export const castGradient = gradientRule({
  opType: 'Cast',
  inputs: ['X'],
  outputs: ['Y'],
  backward: ({ tape, inputs: { X }, gradients: { Y: dY } }) => ({ X: () => cast(tape, dY, X.dtype ?? 'float32') }),
});
