import type { ModelConfig } from './base-model.ts';

/** A Llama that is to be made, in plain numbers. */
export interface LlamaConfig extends ModelConfig {
  readonly kind: 'decoder';
  readonly family: 'llama';
  readonly intermediateSize: number;
  /** Query heads; `heads / kvHeads` of them share a head of keys and values. */
  readonly heads: number;
  readonly rmsNormEpsilon: number;
  readonly ropeTheta: number;
  /** Whether `lm_head` uses the embedding's matrix. */
  readonly tiedEmbeddings: boolean;
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
  /** Standard deviation of fresh weights. */
  readonly initializerRange: number;
}

/** The `config.json` of a configuration, as Hugging Face writes it. */
export function formatLlamaConfig(
  config: LlamaConfig,
  { dtype, generation }: { dtype: string; generation?: GenerationTokens | undefined },
): Record<string, unknown> {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    hidden_act: 'silu',
    max_position_embeddings: config.maxPositions,
    rms_norm_eps: config.rmsNormEpsilon,
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tiedEmbeddings,
    attention_bias: config.attentionBias,
    mlp_bias: config.mlpBias,
    initializer_range: config.initializerRange,
    ...(generation && { bos_token_id: generation.bosTokenId, eos_token_id: generation.eosTokenIds }),
    torch_dtype: dtype,
  };
}

interface GenerationTokens {
  readonly bosTokenId?: number;
  readonly eosTokenIds: readonly number[];
}
