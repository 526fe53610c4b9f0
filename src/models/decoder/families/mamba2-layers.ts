import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import type { Activation } from '../../graph/activation.ts';
import type { Mamba2Layer } from '../../graph/recurrent/mamba2.ts';
import type { Features } from './features.ts';
import { optional, positiveInteger, type Sizes } from './fields.ts';
import { typesOfLayers } from './layer-types.ts';

/** A bound of the steps: a number, or infinity as transformers 5 writes it. */
const bound = z.union([
  z.number(),
  z.object({ __float__: z.literal(['Infinity', 'inf']) }).transform(() => Infinity),
  z.literal(['Infinity', 'inf']).transform(() => Infinity),
]);

/** The fields of config.json that describe layers of Mamba 2. */
export const mamba2Fields = {
  layer_types: z.array(z.string()).nullish(),
  layers_block_type: z.array(z.string()).nullish(),
  mamba_n_heads: optional(positiveInteger, 128),
  mamba_n_groups: optional(positiveInteger, 1),
  mamba_d_state: optional(positiveInteger, 256),
  mamba_d_head: optional(z.union([positiveInteger, z.literal('auto')]), 'auto'),
  mamba_d_conv: optional(positiveInteger, 4),
  mamba_expand: optional(z.number().positive(), 2),
  mamba_conv_bias: optional(z.boolean(), true),
  mamba_proj_bias: optional(z.boolean(), false),
  time_step_limit: z.tuple([bound, bound]).nullish(),
};

const schema = z.looseObject(mamba2Fields);
type Fields = z.infer<typeof schema>;

interface Context {
  readonly features: Features;
  readonly path: string;
}

/** The types of the layers, which files before and since transformers 5 name in two ways. Without a list, all layers are recurrent. */
export function mambaTypes(
  fields: Pick<Fields, 'layer_types' | 'layers_block_type'>,
  context: Context & { readonly layers: number },
): ('full_attention' | 'linear_attention')[] {
  const names: Readonly<Record<string, string>> = { attention: 'full_attention', mamba: 'linear_attention' };
  const given = (fields.layer_types ?? fields.layers_block_type)?.map((name) => names[name] ?? name);
  return typesOfLayers(given, {
    ...context,
    types: ['full_attention', 'linear_attention'],
    fallback: () => 'linear_attention',
  });
}

export interface Mamba2Options extends Context {
  readonly sizes: Sizes;
  readonly activation: Activation;
  /** The name of the layer below the path of its block. Default: `mamba`. */
  readonly name?: string;
  /** The number of channels. Default: mamba_expand times the hidden size. */
  readonly channels?: number | undefined;
  /** Whether the output layer has a bias. Default: as the input layer. */
  readonly outputBias?: boolean;
  /** What else differs. */
  readonly own?: Pick<Mamba2Layer, 'norm' | 'factors'>;
}

/** Makes the description of the Mamba 2 layer of a block. @throws EspalierError MODEL_CONFIG_INVALID */
export function mamba2Layers(
  fields: Fields,
  { path: file, sizes, activation, name = 'mamba', channels: given, outputBias, own }: Mamba2Options,
): (block: string) => Mamba2Layer {
  const { mamba_n_heads: heads, mamba_n_groups: groups, mamba_d_state: stateDim, mamba_d_conv: taps } = fields;
  const { hiddenSize, epsilon } = sizes;
  const inner = given ?? Math.trunc(fields.mamba_expand * hiddenSize);
  const headDim = fields.mamba_d_head === 'auto' ? inner / heads : fields.mamba_d_head;
  const problems = [
    ...(headDim * heads === inner && Number.isInteger(headDim)
      ? []
      : [`${heads} heads of ${headDim} are not the ${inner} channels of the layer`]),
    ...(heads % groups === 0 ? [] : [`${heads} heads of mamba cannot share ${groups} groups evenly`]),
  ];
  if (problems.length > 0) throw new EspalierError('MODEL_CONFIG_INVALID', { path: file, problems });
  const channels = inner + 2 * groups * stateDim;
  const [least, most] = fields.time_step_limit ?? [0, Infinity];
  const { mamba_proj_bias: bias, mamba_conv_bias: hasConvBias } = fields;
  return (block) => {
    const path = `${block}.${name}`;
    return {
      kind: 'mamba2',
      path,
      input: { path: `${path}.in_proj`, in: hiddenSize, out: inner + channels + heads, bias },
      conv: { path: `${path}.conv1d`, channels, taps, bias: hasConvBias },
      groups,
      share: heads / groups,
      headDim,
      stateDim,
      activation,
      steps: { least, most },
      epsilon,
      output: { path: `${path}.out_proj`, in: inner, out: hiddenSize, bias: outputBias ?? bias },
      ...own,
    };
  };
}
