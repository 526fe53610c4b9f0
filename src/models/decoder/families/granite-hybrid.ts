import { z } from 'zod';

import type { FeedForward } from '../../graph/mixture.ts';
import type { MlpLayer } from '../../graph/mlp.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { optional, positiveInteger } from './fields.ts';
import { graniteMoe } from './granite-moe.ts';
import { llamaFamily } from './llama-family.ts';
import { mamba2Fields, mamba2Layers, mambaTypes } from './mamba2-layers.ts';
import { mixtureOf, mixtureSizes } from './mixtures.ts';

const own = z.looseObject({
  ...mamba2Fields,
  hidden_act: optional(z.string(), 'silu'),
  attention_bias: optional(z.boolean(), false),
  embedding_multiplier: optional(z.number(), 1),
  residual_multiplier: optional(z.number(), 1),
  attention_multiplier: optional(z.number(), 1),
  logits_scaling: optional(z.number().positive(), 1),
  num_local_experts: optional(z.number().int().nonnegative(), 8),
  num_experts_per_tok: optional(positiveInteger, 2),
  shared_intermediate_size: optional(positiveInteger, 1024),
  position_embedding_type: z.string().nullish(),
});

const family = llamaFamily({
  modelType: 'granitemoehybrid',
  architecture: 'GraniteMoeHybridForCausalLM',
  sizes: {
    vocab_size: 32000,
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
  },
  rope: { theta: 10_000 },
  fields: own,
  traits(fields, { sizes, rope, features, path }) {
    const { attention_bias: bias, position_embedding_type: positions } = fields;
    const activation = features.activation('hidden_act', fields.hidden_act);
    const types = mambaTypes(fields, { features, path, layers: sizes.layers });
    const mamba = mamba2Layers(fields, { features, path, sizes, activation });
    const { hiddenSize, intermediateSize: inner, layers } = sizes;
    const { shared_intermediate_size: sharedInner, num_local_experts: experts } = fields;
    const shared = (block: string): MlpLayer => ({
      kind: 'packed',
      path: `${block}.shared_mlp`,
      activation,
      gateUp: { path: `${block}.shared_mlp.input_linear`, in: hiddenSize, out: 2 * sharedInner, bias: false },
      down: { path: `${block}.shared_mlp.output_linear`, in: sharedInner, out: hiddenSize, bias: false },
    });
    const counts = experts > 0 ? mixtureSizes(fields, { path, layers, defaults: { experts, perToken: 2 } }) : undefined;
    const feedForward = (_: number, block: string): FeedForward => {
      if (counts === undefined) return shared(block);
      const router = { router: 'router', normalizes: true, shared: { mlp: shared(block) } };
      return mixtureOf({ path: `${block}.block_sparse_moe`, hiddenSize, inner, activation, ...router, ...counts });
    };
    return {
      activation,
      layer: () => ({ rope: positions === 'rope' ? rope : undefined }),
      biases: { queryKeyValue: bias, output: bias },
      scale: fields.attention_multiplier,
      embeddingScale: fields.embedding_multiplier,
      residualScale: fields.residual_multiplier,
      logitScale: 1 / fields.logits_scaling,
      recurrent: (index, block) => (types[index] === 'linear_attention' ? mamba(block) : undefined),
      feedForward,
    };
  },
});

/** Granite 4: Mamba 2 in most layers, attention in the others, experts beside a shared part in some models. */
export const graniteHybrid: DecoderFamily = { ...family, ...(graniteMoe.rename && { rename: graniteMoe.rename }) };
