import { extremeOf } from './extreme.ts';

/**
 * Max: Y = the elementwise maximum of X₀, X₁, …, with broadcasting
 *
 *   dXᵢ = dY ∘ [Xᵢ = Y] / (number of inputs that tie)
 *
 * @see ONNX Max-13
 */
export const maxGradient = extremeOf('Max');
