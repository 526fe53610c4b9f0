import { reducedExtreme } from './extreme.ts';

/**
 * ReduceMax: Y = the largest element over the axes
 *
 *   dX = dY ∘ [X = Y] / (how many elements tie)
 *
 * @see ONNX ReduceMax-20
 */
export const reduceMaxGradient = reducedExtreme('ReduceMax');
