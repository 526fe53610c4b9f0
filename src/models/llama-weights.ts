import type { AdaptableModule } from '../ir/index.ts';
import type { LlamaConfig } from './llama-config.ts';

/** A linear layer, and whether it has a bias `[out]`. */
export interface LinearLayer extends AdaptableModule {
  readonly bias: boolean;
}

/** The linear layers of a block's attention: queries, keys, values and output. */
export function attentionLinears(config: LlamaConfig, layer: number): Record<'q' | 'k' | 'v' | 'o', LinearLayer> {
  const { hiddenSize, attentionBias: bias } = config;
  const queries = config.heads * config.headDim;
  const keys = config.kvHeads * config.headDim;
  const path = `model.layers.${layer}.self_attn`;
  return {
    q: { path: `${path}.q_proj`, in: hiddenSize, out: queries, bias },
    k: { path: `${path}.k_proj`, in: hiddenSize, out: keys, bias },
    v: { path: `${path}.v_proj`, in: hiddenSize, out: keys, bias },
    o: { path: `${path}.o_proj`, in: queries, out: hiddenSize, bias },
  };
}

/** The linear layers of a block's gated feed-forward part. */
export function mlpLinears(config: LlamaConfig, layer: number): Record<'gate' | 'up' | 'down', LinearLayer> {
  const { hiddenSize, intermediateSize, mlpBias: bias } = config;
  const path = `model.layers.${layer}.mlp`;
  return {
    gate: { path: `${path}.gate_proj`, in: hiddenSize, out: intermediateSize, bias },
    up: { path: `${path}.up_proj`, in: hiddenSize, out: intermediateSize, bias },
    down: { path: `${path}.down_proj`, in: intermediateSize, out: hiddenSize, bias },
  };
}

/** The seven linear layers of one block, in the order of the computation. */
function layerLinears(config: LlamaConfig, layer: number): LinearLayer[] {
  return [...Object.values(attentionLinears(config, layer)), ...Object.values(mlpLinears(config, layer))];
}

/** Every linear layer of the network, `lm_head` last. These are what an adapter can target. */
export function llamaLinears(config: LlamaConfig): LinearLayer[] {
  const layers = Array.from({ length: config.layers }, (_, layer) => layerLinears(config, layer)).flat();
  return [...layers, { path: 'lm_head', in: config.hiddenSize, out: config.vocabSize, bias: false }];
}

/** Name → shape of every tensor that a checkpoint of this configuration holds, in the order of the computation. */
export function llamaWeightShapes(config: LlamaConfig): Map<string, readonly number[]> {
  const { hiddenSize, vocabSize } = config;
  const shapes = new Map<string, readonly number[]>();
  const addLinear = ({ path, in: width, out, bias }: LinearLayer): void => {
    shapes.set(`${path}.weight`, [out, width]);
    if (bias) shapes.set(`${path}.bias`, [out]);
  };
  shapes.set('model.embed_tokens.weight', [vocabSize, hiddenSize]);
  for (let layer = 0; layer < config.layers; layer++) {
    shapes.set(`model.layers.${layer}.input_layernorm.weight`, [hiddenSize]);
    shapes.set(`model.layers.${layer}.post_attention_layernorm.weight`, [hiddenSize]);
    layerLinears(config, layer).forEach(addLinear);
  }
  shapes.set('model.norm.weight', [hiddenSize]);
  if (!config.tiedEmbeddings) shapes.set('lm_head.weight', [vocabSize, hiddenSize]);
  return shapes;
}

/** Whether a tensor may lie in the checkpoint without being used: old buffers, and a tied head written out. */
export function isIgnoredWeight(name: string, config: LlamaConfig): boolean {
  return name.endsWith('.rotary_emb.inv_freq') || (config.tiedEmbeddings && name === 'lm_head.weight');
}
