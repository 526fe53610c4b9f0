import { moduleKey, type AdaptableModule, type Value } from '../../ir/index.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { quantizedLinear } from './quantized-linear.ts';

/** A linear layer in the checkpoint: `<path>.weight`, and `<path>.bias` [out] if it has a bias. */
export interface LinearLayer extends AdaptableModule {
  readonly bias: boolean;
  /** The name of the matrix in the checkpoint when it belongs to another module, as for a tied head. */
  readonly weight?: string;
}

/**
 * Computes one linear layer by one Gemm and marks the node with the path of the module. All families use this function.
 *
 *   y = x·Wᵀ + b, W f32 [out, in];   y = x·W + b, W f32 [in, out], when the layer is transposed
 *
 * A quantized weight is multiplied without dequantizing it first; see `quantizedLinear`.
 *
 * @param x  f32 [tokens, in]
 * @returns f32 [tokens, out]
 */
export function linear(builder: GraphBuilder, x: Value, layer: LinearLayer): Value {
  const { path, bias, transposed = false } = layer;
  const weight = weightName(layer);
  const quantized = builder.quantized(weight);
  if (quantized !== undefined) return quantizedLinear(builder, x, { path, bias, name: weight, weight: quantized });
  const inputs = [x, builder.weight(weight), ...(bias ? [builder.weight(`${path}.bias`)] : [])];
  const attributes = { transB: transposed ? 0 : 1 };
  return builder.tape(path, { [moduleKey]: path }).op('Gemm', inputs, { attributes });
}

/** The name of the matrix of a layer in the checkpoint. */
export function weightName({ path, weight = `${path}.weight` }: Pick<LinearLayer, 'path' | 'weight'>): string {
  return weight;
}

/** Maps the names of the tensors of a linear layer in the checkpoint to their shapes. */
export function linearWeights({ path, in: width, out, ...layer }: LinearLayer): [name: string, shape: number[]][] {
  const matrix: [string, number[]] = [`${path}.weight`, layer.transposed === true ? [width, out] : [out, width]];
  return [
    ...(layer.weight === undefined ? [matrix] : []),
    ...(layer.bias ? [[`${path}.bias`, [out]] as [string, number[]]] : []),
  ];
}
