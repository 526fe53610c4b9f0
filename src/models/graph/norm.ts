import { float, type Tape, type Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
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
  /** The tensors of the checkpoint. Default: the weight, and for a LayerNorm the bias. `none`: the weight is 1 and in no file. */
  readonly parameters?: 'weight' | 'none';
  /** Each of several heads has its own weight, as rows of one tensor or as one tensor for each head, and no bias. */
  readonly heads?: { readonly count: number; readonly stored: 'rows' | 'tensors' };
}

/**
 * Normalizes the last axis, in f32.
 *
 *   rms:    y = (w + offset) ∘ x / sqrt(mean(x²) + ε)
 *   layer:  y = (w + offset) ∘ (x − mean(x)) / sqrt(var(x) + ε) + b
 *
 * @param x  f32 [..., width], or [..., heads, width] if each head has its own weight
 * @see Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", eq. 4; Ba et al. 2016, "Layer Normalization", eq. 3
 */
export function norm(builder: GraphBuilder, x: Value, layer: NormLayer): Value {
  const { path, kind, epsilon, heads } = layer;
  const tape = builder.tape(path);
  const attributes = { axis: -1, epsilon: float(epsilon) };
  const opType = kind === 'rms' ? 'SimplifiedLayerNormalization' : 'LayerNormalization';
  if (heads) {
    const normed = tape.op(opType, [x, ones(tape, layer)], { attributes });
    return tape.op('Mul', [normed, weightOfHeads(builder, layer, heads)]);
  }
  const bias = hasBias(layer) ? [builder.weight(`${path}.bias`)] : [];
  return tape.op(opType, [x, weightOf(builder, layer), ...bias], { attributes });
}

function weightOf(builder: GraphBuilder, layer: NormLayer): Value {
  const tape = builder.tape(layer.path);
  if (layer.parameters === 'none') return ones(tape, layer);
  const stored = builder.weight(`${layer.path}.weight`);
  return layer.offset === 0 ? stored : tape.op('Add', [stored, tape.scalar(layer.offset)]); // folded when the model is loaded
}

/** f32 [heads, width] */
function weightOfHeads(builder: GraphBuilder, layer: NormLayer, { stored }: NonNullable<NormLayer['heads']>): Value {
  const names = normWeights(layer).map(([name]) => builder.weight(name));
  const tape = builder.tape(layer.path);
  if (stored === 'rows') return names[0] ?? ones(tape, layer);
  const rows = names.map((weight) => tape.op('Unsqueeze', [weight, tape.int64s([0])]));
  return tape.op('Concat', rows, { attributes: { axis: 0 } });
}

function ones(tape: Tape, { width }: NormLayer): Value {
  return tape.constant(tensorOf('float32', [width], new Float32Array(width).fill(1)));
}

function hasBias({ kind, parameters }: NormLayer): boolean {
  return kind === 'layer' && parameters === undefined;
}

/** Maps the names of the tensors of a normalization in the checkpoint to their shapes. */
export function normWeights(layer: NormLayer): [name: string, shape: number[]][] {
  const { path, width, heads, parameters } = layer;
  if (parameters === 'none') return [];
  if (heads?.stored === 'rows') return [[`${path}.weight`, [heads.count, width]]];
  if (heads) return Array.from({ length: heads.count }, (_, head) => [`${path}.norms.${head}.weight`, [width]]);
  const parts = hasBias(layer) ? ['weight', 'bias'] : ['weight'];
  return parts.map((part) => [`${path}.${part}`, [width]]);
}
