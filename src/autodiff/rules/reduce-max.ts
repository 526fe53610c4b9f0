import { reducedExtreme } from './extreme.ts';

/**
 * ReduceMax: Y = the maximum over the axes
 *
 *   dX = dY ∘ [X = Y] / (number of elements that tie)
 *
 * @see ONNX ReduceMax-20
 */
export const reduceMaxGradient = reducedExtreme('ReduceMax');
