import { moduleKey, type AdaptableModule, type Value } from '../../ir/index.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { quantizedLinear } from './quantized-linear.ts';

/** A linear layer as the checkpoint holds it: `<path>.weight`, and `<path>.bias` [out] where it has one. */
export interface LinearLayer extends AdaptableModule {
  readonly bias: boolean;
  /** Another module's matrix, by its name in the checkpoint (a tied head). */
  readonly weight?: string;
}

/**
 * One linear layer as one Gemm, marked with its module's path. Every linear layer of every family goes through here.
 *
 *   y = x·Wᵀ + b, W f32 [out, in];   y = x·W + b, W f32 [in, out], where the layer is transposed
 *
 * What is quantized in the checkpoint is multiplied as it lies there; see `quantizedLinear`.
 *
 * @param x  f32 [tokens, in]
 * @returns f32 [tokens, out]
 */
export function linear(builder: GraphBuilder, x: Value, layer: LinearLayer): Value {
  const { path, bias, transposed = false, weight = `${path}.weight` } = layer;
  const quantized = builder.quantized(weight);
  if (quantized !== undefined) return quantizedLinear(builder, x, { path, bias, name: weight, weight: quantized });
  const inputs = [x, builder.weight(weight), ...(bias ? [builder.weight(`${path}.bias`)] : [])];
  const attributes = { transB: transposed ? 0 : 1 };
  return builder.tape(path, { [moduleKey]: path }).op('Gemm', inputs, { attributes });
}

/** Name → shape of what the checkpoint holds for a linear layer. */
export function linearWeights({ path, in: width, out, ...layer }: LinearLayer): [name: string, shape: number[]][] {
  const matrix: [string, number[]] = [`${path}.weight`, layer.transposed === true ? [width, out] : [out, width]];
  return [
    ...(layer.weight === undefined ? [matrix] : []),
    ...(layer.bias ? [[`${path}.bias`, [out]] as [string, number[]]] : []),
  ];
}
