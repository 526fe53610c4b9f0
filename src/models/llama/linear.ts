import { moduleKey, type Value } from '../../ir/index.ts';
import type { LinearLayer } from '../llama-weights.ts';
import type { LlamaBuilder } from './llama-builder.ts';

/**
 * One linear layer as one Gemm, y = x·Wᵀ + b, marked with its module's path.
 *
 * @param x        f32 [tokens, in]
 * @param options  `weight` names another module's matrix (a tied head)
 * @returns f32 [tokens, out]
 */
export function linear(
  builder: LlamaBuilder,
  x: Value,
  { path, bias, weight = `${path}.weight` }: Pick<LinearLayer, 'path' | 'bias'> & { readonly weight?: string },
): Value {
  const inputs = [x, builder.weight(weight), ...(bias ? [builder.weight(`${path}.bias`)] : [])];
  return builder.tape(path, { [moduleKey]: path }).op('Gemm', inputs, { attributes: { transB: 1 } });
}
