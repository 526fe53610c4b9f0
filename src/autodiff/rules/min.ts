import { extremeOf } from './extreme.ts';

/**
 * Min: Y = the elementwise minimum of X₀, X₁, …, with broadcasting
 *
 *   dXᵢ = dY ∘ [Xᵢ = Y] / (number of inputs that tie)
 *
 * @see ONNX Min-13
 */
export const minGradient = extremeOf('Min');
