import { float, type Value } from '../../ir/index.ts';
import type { GraphBuilder } from './graph-builder.ts';

/** A normalization over the last axis in the checkpoint: `<path>.weight`, and for a LayerNorm `<path>.bias`. */
export interface NormLayer {
  readonly path: string;
  /** `rms`: root-mean-square; `layer`: mean and variance, with a bias. */
  readonly kind: 'rms' | 'layer';
  readonly width: number;
  readonly epsilon: number;
  /** This number is added to the weight. Gemma stores the difference from 1. */
  readonly offset: 0 | 1;
}

/**
 * Normalizes the last axis, in f32.
 *
 *   rms:    y = (w + offset) ∘ x / sqrt(mean(x²) + ε)
 *   layer:  y = w ∘ (x − mean(x)) / sqrt(var(x) + ε) + b
 *
 * @param x  f32 [..., width]
 * @see Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", eq. 4; Ba et al. 2016, "Layer Normalization", eq. 3
 */
export function norm(builder: GraphBuilder, x: Value, { path, kind, epsilon, offset }: NormLayer): Value {
  const tape = builder.tape(path);
  const attributes = { axis: -1, epsilon: float(epsilon) };
  const stored = builder.weight(`${path}.weight`);
  if (kind === 'layer')
    return tape.op('LayerNormalization', [x, stored, builder.weight(`${path}.bias`)], { attributes });
  const weight = offset === 0 ? stored : tape.op('Add', [stored, tape.scalar(offset)]); // folded when the model is loaded
  return tape.op('SimplifiedLayerNormalization', [x, weight], { attributes });
}

/** Maps the names of the tensors of a normalization in the checkpoint to their shapes. */
export function normWeights({ path, kind, width }: NormLayer): [name: string, shape: number[]][] {
  const parts = kind === 'layer' ? ['weight', 'bias'] : ['weight'];
  return parts.map((part) => [`${path}.${part}`, [width]]);
}
