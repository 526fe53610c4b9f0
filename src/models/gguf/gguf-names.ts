/** How the tensors of an architecture are named in GGUF, and what llama.cpp's converter has changed in them. */
export interface GgufNames {
  /** Modules of a block by their names in GGUF. */
  readonly block: Readonly<Record<string, string>>;
  /** Whether the rows of queries and keys are interleaved: the two halves of each head alternate. */
  readonly interleaved: boolean;
  /** Whether 1 was added to the weights of norms. */
  readonly raisedNorms: boolean;
}

const attention = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
};
const feedForward = { ffn_gate: 'mlp.gate_proj', ffn_up: 'mlp.up_proj', ffn_down: 'mlp.down_proj' };
const usual = { ...attention, ...feedForward, ffn_norm: 'post_attention_layernorm' };
const gemma = {
  ...attention,
  ...feedForward,
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
};

const plain: GgufNames = { block: usual, interleaved: false, raisedNorms: false };

/** By `general.architecture`. */
export const ggufNames: ReadonlyMap<string, GgufNames> = new Map([
  ['llama', { ...plain, interleaved: true }],
  ['qwen2', plain],
  ['qwen3', plain],
  ['phi3', { ...plain, block: { ...usual, attn_qkv: 'self_attn.qkv_proj', ffn_up: 'mlp.gate_up_proj' } }],
  ['gemma2', { block: gemma, interleaved: false, raisedNorms: true }],
  ['gemma3', { block: gemma, interleaved: false, raisedNorms: true }],
]);

const outer: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

const pattern = /^(?:blk\.(?<layer>\d{1,5})\.)?(?<part>[a-z_]+)\.(?<kind>weight|bias)$/;

/** The name of a tensor in a checkpoint; undefined if no module of the architecture has such a name. */
export function checkpointName(name: string, { block }: GgufNames): string | undefined {
  const { layer, part = '', kind = '' } = pattern.exec(name)?.groups ?? {};
  const names = layer === undefined ? outer : block;
  if (!Object.hasOwn(names, part)) return undefined;
  const module = names[part] ?? '';
  return layer === undefined ? `${module}.${kind}` : `model.layers.${Number(layer)}.${module}.${kind}`;
}
