import { reducedExtreme } from './extreme.ts';

/**
 * ReduceMin: Y = the minimum over the axes
 *
 *   dX = dY ∘ [X = Y] / (number of elements that tie)
 *
 * @see ONNX ReduceMin-20
 */
export const reduceMinGradient = reducedExtreme('ReduceMin');
