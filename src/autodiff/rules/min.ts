import { extremeOf } from './extreme.ts';

/**
 * Min: Y = the smallest of X₀, X₁, …, with broadcasting
 *
 *   dXᵢ = dY ∘ [Xᵢ = Y] / (how many inputs tie)
 *
 * @see ONNX Min-13
 */
export const minGradient = extremeOf('Min');
