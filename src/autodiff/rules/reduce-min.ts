import { reducedExtreme } from './extreme.ts';

/**
 * ReduceMin: Y = the smallest element over the axes
 *
 *   dX = dY ∘ [X = Y] / (how many elements tie)
 *
 * @see ONNX ReduceMin-20
 */
export const reduceMinGradient = reducedExtreme('ReduceMin');
