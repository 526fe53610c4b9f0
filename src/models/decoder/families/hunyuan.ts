import { z } from 'zod';

import type { RopeConfig } from '../rope.ts';
import { flag, type SizeDefaults } from './fields.ts';
import { llamaFamily } from './llama-family.ts';
import type { LlamaLike } from './llama-like.ts';

/** How the rotary embedding is stretched. */
export const stretch = z.looseObject({ alpha: z.number().positive().nullish() }).nullish();

/** With `alpha`, the scaling `dynamic` means one base for rows of every length. */
function stretched({ theta, dims }: RopeConfig, alpha: number): RopeConfig {
  return { theta: theta * alpha ** (dims / (dims - 2)), dims, scaling: { kind: 'none' } };
}

/** The default sizes of Hunyuan, dense or with experts. */
export const hunyuanSizes: SizeDefaults = {
  vocab_size: 290943,
  hidden_size: 4096,
  intermediate_size: 11008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
};

/** Hunyuan (dense): heads of queries and keys are normalized after the rotary embedding, whose base may be stretched by `alpha`. */
export const hunyuan = llamaFamily({
  modelType: 'hunyuan_v1_dense',
  architecture: 'HunYuanDenseV1ForCausalLM',
  sizes: hunyuanSizes,
  rope: { theta: 10000 },
  fields: z.looseObject({
    attention_bias: flag(),
    use_qk_norm: z.literal(true).nullish(),
    rope_scaling: stretch,
    rope_parameters: stretch,
  }),
  traits: (fields, { rope }) => hunyuanTraits(fields, rope),
});

interface HunyuanFields {
  readonly attention_bias: boolean;
  readonly rope_scaling?: z.infer<typeof stretch>;
  readonly rope_parameters?: z.infer<typeof stretch>;
}

/** The attention of all models of Hunyuan. @param read  the rotary embedding as the file says it */
export function hunyuanTraits(
  { attention_bias: bias, ...fields }: HunyuanFields,
  read: RopeConfig,
): Partial<LlamaLike> {
  const alpha = (fields.rope_scaling ?? fields.rope_parameters)?.alpha;
  const rope = alpha && read.scaling.kind === 'dynamic' ? stretched(read, alpha) : read;
  return {
    biases: { queryKeyValue: bias, output: bias },
    queryKeyNorm: 'head',
    normsTurned: true,
    normNames: { query: 'query_layernorm', key: 'key_layernorm' },
    layer: () => ({ rope }),
    longest: rope,
  };
}
