import { extremeOf } from './extreme.ts';

/**
 * Max: Y = the largest of X₀, X₁, …, with broadcasting
 *
 *   dXᵢ = dY ∘ [Xᵢ = Y] / (how many inputs tie)
 *
 * @see ONNX Max-13
 */
export const maxGradient = extremeOf('Max');
