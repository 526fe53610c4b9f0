import { EspalierError } from '../../core/index.ts';
import type { LinearLayer } from '../graph/linear.ts';
import { firstParameter, layersBefore, type FeedForward } from '../graph/mixture.ts';
import type { Quantization } from '../quantized/quantization-config.ts';
import { mxfp4Stack } from '../quantized/foreign/mxfp4.ts';
import { dividedRef, type WeightRef } from '../weight-ref.ts';
import type { DecoderConfig } from './decoder-config.ts';

/** A tensor that holds a matrix or a bias of every expert, and the parts that lie in it one after another. */
interface Stack {
  readonly name: string;
  readonly shape: readonly number[];
  /** Names and shapes of the parts, in the order of the memory. */
  readonly parts: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/** The layers of one parameter of the experts: those of the first expert, then those of the second, and so on. */
interface Parameter {
  /** `<path>.experts.gate_up_proj` (`up_proj` of experts without a gate) or `<path>.experts.down_proj` */
  readonly name: string;
  readonly experts: number;
  readonly layers: readonly LinearLayer[];
}

export interface DivideOptions {
  readonly dir: string;
  readonly config: DecoderConfig;
  readonly quantization: Quantization | undefined;
}

/**
 * Divides tensors that hold the matrices of all experts of a layer, as transformers 5 arranges them in memory and some checkpoints
 * store them. Each part is a range of the same file, so nothing is copied.
 *
 * - `experts.gate_up_proj` [experts, 2·inner, hidden] and `experts.down_proj` [experts, hidden, inner]; with transposed matrices
 *   [experts, hidden, 2·inner] and [experts, inner, hidden]
 * - `experts.gate_up_proj_bias` [experts, 2·inner] and `experts.down_proj_bias` [experts, hidden]
 * - `_blocks` and `_scales` of MXFP4 in place of a matrix, if the configuration says that there are any
 *
 * @param tensors  by the names of the configuration
 * @throws EspalierError MODEL_WEIGHTS_MISMATCH if such a tensor has another shape
 */
export function divideExperts(
  tensors: ReadonlyMap<string, WeightRef>,
  { dir, config, quantization }: DivideOptions,
): ReadonlyMap<string, WeightRef> {
  const parameters = config.blocks.flatMap(({ mlp }) => (mlp ? parametersOf(mlp) : []));
  const divided = new Map(tensors);
  const problems: string[] = [];
  for (const stack of parameters.flatMap(stacksOf)) {
    const ref = tensors.get(stack.name);
    if (ref === undefined) continue;
    divided.delete(stack.name);
    if (ref.shape.join() === stack.shape.join())
      for (const part of dividedRef(ref, stack.parts)) divided.set(part.name, part);
    else problems.push(`${stack.name} is [${ref.shape.join(', ')}], expected [${stack.shape.join(', ')}]`);
  }
  for (const parameter of quantization?.scheme === 'mxfp4' ? parameters : []) {
    const found = mxfp4Stack(parameter, tensors);
    problems.push(...(found?.problems ?? []));
    for (const name of found?.used ?? []) divided.delete(name);
    for (const weight of found?.weights ?? []) divided.set(weight.name, weight);
  }
  if (problems.length > 0) throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir, problems });
  return divided;
}

function parametersOf(layer: FeedForward): Parameter[] {
  if (layer.kind !== 'mixture') return [];
  const { path, experts } = layer;
  return [
    {
      name: `${path}.experts.${firstParameter(layer)}`,
      experts: experts.length,
      layers: experts.flatMap(layersBefore),
    },
    { name: `${path}.experts.down_proj`, experts: experts.length, layers: experts.map(({ down }) => down) },
  ];
}

function stacksOf({ name, experts, layers }: Parameter): Stack[] {
  const [first] = layers;
  if (first === undefined) return [];
  const out = (layers.length / experts) * first.out;
  const matrices: Stack = {
    name,
    shape: [experts, ...(first.transposed === true ? [first.in, out] : [out, first.in])],
    parts: layers.map((layer) => ({
      name: `${layer.path}.weight`,
      shape: layer.transposed === true ? [layer.in, layer.out] : [layer.out, layer.in],
    })),
  };
  if (!first.bias) return [matrices];
  const biases = layers.map((layer) => ({ name: `${layer.path}.bias`, shape: [layer.out] }));
  return [matrices, { name: `${name}_bias`, shape: [experts, out], parts: biases }];
}
