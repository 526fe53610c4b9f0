import { float, type Value } from '../../ir/index.ts';
import type { LlamaBuilder } from './llama-builder.ts';

/**
 * Root-mean-square normalization: y = w ∘ x / sqrt(mean(x²) + ε), over the last axis, in f32.
 *
 * @param path  the norm's path; its weight is f32 [hidden]
 * @param x     f32 [tokens, hidden]
 * @see Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", eq. 4
 */
export function rmsNorm(builder: LlamaBuilder, x: Value, path: string): Value {
  const attributes = { axis: -1, epsilon: float(builder.config.rmsNormEpsilon) };
  return builder.tape(path).op('SimplifiedLayerNormalization', [x, builder.weight(`${path}.weight`)], { attributes });
}
