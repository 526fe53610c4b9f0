import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import type { GgufValue } from '../../tensor/index.ts';
import { parseWith } from '../parse-with.ts';
import { llama3Scaling } from './llama3-scaling.ts';

export interface GgufFacts {
  readonly path: string;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Shapes of the tensors, by their names in GGUF. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Tensors that are settings: factors of rotary frequencies. */
  readonly factors: ReadonlyMap<string, Float32Array>;
}

/** The names of tensors that are read when a model is opened. */
export const factorPattern = /^rope_(freqs|factors_long|factors_short)\.weight$/;

const size = z
  .number()
  .int()
  .min(1)
  .max(2 ** 31);
const fields = z.looseObject({
  context_length: size,
  embedding_length: size,
  block_count: size,
  feed_forward_length: size,
  'attention.head_count': size,
  'attention.head_count_kv': size.optional(),
  'attention.key_length': size.optional(),
  'attention.value_length': size.optional(),
  'attention.layer_norm_rms_epsilon': z.number().positive(),
  'attention.sliding_window': z.number().int().min(0).optional(),
  'attention.sliding_window_pattern': z.union([z.number().int(), z.array(z.boolean())]).optional(),
  'attention.causal': z.literal(true).optional(),
  'attention.scale': z.literal(0).optional(),
  'rope.freq_base': z.number().positive().optional(),
  'rope.dimension_count': size.optional(),
  'rope.scale_linear': z.literal(1).optional(),
  'rope.scaling.type': z.string().optional(),
  'rope.scaling.factor': z.number().positive().optional(),
  'rope.scaling.attn_factor': z.number().positive().optional(),
  'rope.scaling.original_context_length': size.optional(),
  attn_logit_softcapping: z.number().nonnegative().optional(),
  final_logit_softcapping: z.number().nonnegative().optional(),
  expert_count: z.literal(0).optional(),
});
type Fields = z.output<typeof fields>;

/** Keys of an architecture that change no number that is computed here, or say again what the tensors say. */
const ignored: ReadonlySet<string> = new Set(['vocab_size', 'rope.scaling.finetuned', 'expert_used_count']);

type Json = Readonly<Record<string, unknown>>;

interface Family {
  readonly architecture: string;
  readonly modelType: string;
  readonly own: (fields: Fields, facts: GgufFacts) => Json;
}

/** By `general.architecture`. */
const families: ReadonlyMap<string, Family> = new Map([
  ['llama', { architecture: 'LlamaForCausalLM', modelType: 'llama', own: ofLlama }],
  ['qwen2', { architecture: 'Qwen2ForCausalLM', modelType: 'qwen2', own: plainRope }],
  ['qwen3', { architecture: 'Qwen3ForCausalLM', modelType: 'qwen3', own: plainRope }],
  ['phi3', { architecture: 'Phi3ForCausalLM', modelType: 'phi3', own: ofPhi3 }],
  ['gemma2', { architecture: 'Gemma2ForCausalLM', modelType: 'gemma2', own: ofGemma2 }],
  ['gemma3', { architecture: 'Gemma3ForCausalLM', modelType: 'gemma3_text', own: ofGemma3 }],
]);

/** The architectures of GGUF models that can be used. */
export const ggufArchitectures: readonly string[] = [...families.keys()];

/**
 * The config.json that a GGUF model stands for. A setting of its architecture that is not known may change numbers, so it is refused.
 *
 * @throws EspalierError GGUF_UNSUPPORTED, MODEL_CONFIG_INVALID
 */
export function ggufConfig(facts: GgufFacts): Json {
  const { path, metadata, shapes } = facts;
  const name = metadata.get('general.architecture');
  const family = typeof name === 'string' ? families.get(name) : undefined;
  if (family === undefined || typeof name !== 'string') {
    throw unsupported(facts, `its architecture is ${String(name)}, known are ${ggufArchitectures.join(', ')}`);
  }
  const given = Object.fromEntries(
    [...metadata].flatMap(([key, value]) => (key.startsWith(`${name}.`) ? [[key.slice(name.length + 1), value]] : [])),
  );
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(fields.shape, key) && !ignored.has(key));
  if (unknown !== undefined) throw unsupported(facts, `its setting ${name}.${unknown} is not known`);
  const read = parseWith(fields, given, path);
  const heads = read['attention.head_count'];
  const [vocabulary = 0] = shapes.get('token_embd.weight') ?? [];
  const headDim = headDimOf(read);
  if ((read['attention.value_length'] ?? headDim) !== headDim) {
    throw unsupported(facts, 'its values have another width than its keys');
  }
  return {
    model_type: family.modelType,
    architectures: [family.architecture],
    vocab_size: vocabulary,
    hidden_size: read.embedding_length,
    intermediate_size: read.feed_forward_length,
    num_hidden_layers: read.block_count,
    num_attention_heads: heads,
    num_key_value_heads: read['attention.head_count_kv'] ?? heads,
    head_dim: headDim,
    max_position_embeddings: read.context_length,
    rms_norm_eps: read['attention.layer_norm_rms_epsilon'],
    tie_word_embeddings: !shapes.has('output.weight'),
    ...family.own(read, facts),
  };
}

function shareOfWidth(read: Fields): number {
  return read.embedding_length / read['attention.head_count'];
}

function headDimOf(read: Fields): number {
  return read['attention.key_length'] ?? shareOfWidth(read);
}

function unsupported({ path }: GgufFacts, reason: string): EspalierError {
  return new EspalierError('GGUF_UNSUPPORTED', { path, reason });
}

/** The rotary base and a scaling that all of these architectures can have. */
function plainRope(read: Fields, facts: GgufFacts): Json {
  const type = read['rope.scaling.type'] ?? 'none';
  const factor = read['rope.scaling.factor'] ?? 1;
  const theta = { rope_theta: read['rope.freq_base'] ?? 10_000 };
  const turned = read['rope.dimension_count'];
  const headDim = headDimOf(read);
  if (turned !== undefined && turned !== headDim) {
    throw unsupported(facts, `it turns ${turned} of the ${headDim} numbers of a head`);
  }
  if (facts.factors.size > 0) throw unsupported(facts, `it has ${[...facts.factors.keys()].join(', ')}`);
  const others = ['attn_logit_softcapping', 'final_logit_softcapping', 'attention.sliding_window'] as const;
  assertWithout(read, facts, [...others, 'attention.sliding_window_pattern']);
  // WHY no YaRN: what llama.cpp makes of its settings was not compared.
  if (type === 'none' || (type === 'linear' && factor === 1)) return theta;
  if (type === 'linear') return { ...theta, rope_scaling: { rope_type: 'linear', factor } };
  throw unsupported(facts, `its rotary scaling is ${type}`);
}

function assertWithout(read: Fields, facts: GgufFacts, names: readonly (keyof Fields)[]): void {
  const found = names.find((name) => (read[name] ?? 0) !== 0);
  if (found !== undefined) throw unsupported(facts, `its setting ${String(found)} is ${String(read[found])}`);
}

function ofLlama(read: Fields, facts: GgufFacts): Json {
  const { factors, shapes } = facts;
  const biases = { attention_bias: shapes.has('blk.0.attn_q.bias'), mlp_bias: shapes.has('blk.0.ffn_up.bias') };
  const found = factors.get('rope_freqs.weight');
  const rope = plainRope(read, {
    ...facts,
    factors: new Map([...factors].filter(([name]) => name !== 'rope_freqs.weight')),
  });
  if (found === undefined) return { ...biases, ...rope };
  const theta = Number(rope['rope_theta']);
  const scaling = rope['rope_scaling'] === undefined ? llama3Scaling(found, theta) : undefined;
  if (scaling === undefined) throw unsupported(facts, 'its rope_freqs.weight is not that of a Llama 3');
  return { ...biases, ...rope, rope_scaling: scaling };
}

function ofPhi3(read: Fields, facts: GgufFacts): Json {
  const headDim = headDimOf(read);
  const turned = read['rope.dimension_count'] ?? headDim;
  const window = read['attention.sliding_window'] ?? 0;
  assertWithout(read, facts, ['rope.scaling.type', 'rope.scaling.attn_factor']);
  return {
    ...plainRope({ ...read, 'attention.sliding_window': 0, 'rope.dimension_count': headDim }, facts),
    sliding_window: window === 0 ? null : window,
    partial_rotary_factor: turned / headDim,
    original_max_position_embeddings: read['rope.scaling.original_context_length'] ?? read.context_length,
  };
}

/** WHY by the number of layers: GGUF does not say the scale of scores, and llama.cpp knows the one model with another one by its layers. */
function scoreScale(read: Fields, layersOfLargest: number): number {
  return read.block_count === layersOfLargest ? shareOfWidth(read) : headDimOf(read);
}

/** Every layer has a window, but for the last of each so many. */
function assertPattern(read: Fields, facts: GgufFacts, period: number): void {
  const pattern = read['attention.sliding_window_pattern'] ?? period;
  const isUsual =
    typeof pattern === 'number'
      ? pattern === period
      : pattern.length === read.block_count && pattern.every((has, layer) => has === ((layer + 1) % period !== 0));
  if (!isUsual)
    throw unsupported(facts, `its windows (attention.sliding_window_pattern) are not all but every ${period}th`);
}

/** Settings that the architecture always has here. Where a file leaves them out, llama.cpp has numbers of its own for them. */
function required<K extends keyof Fields>(read: Fields, facts: GgufFacts, name: K): NonNullable<Fields[K]> {
  const value = read[name];
  if (value === undefined || value === null) throw unsupported(facts, `it does not say its ${String(name)}`);
  return value;
}

const without = {
  attn_logit_softcapping: 0,
  final_logit_softcapping: 0,
  'attention.sliding_window': 0,
  'attention.sliding_window_pattern': undefined,
} as const;

function ofGemma2(read: Fields, facts: GgufFacts): Json {
  assertPattern(read, facts, 2);
  return {
    ...plainRope({ ...read, ...without }, facts),
    query_pre_attn_scalar: scoreScale(read, 46),
    attn_logit_softcapping: required(read, facts, 'attn_logit_softcapping') || null,
    final_logit_softcapping: required(read, facts, 'final_logit_softcapping') || null,
    sliding_window: required(read, facts, 'attention.sliding_window'),
  };
}

function ofGemma3(read: Fields, facts: GgufFacts): Json {
  assertWithout(read, facts, ['attn_logit_softcapping']);
  assertPattern(read, facts, 6);
  return {
    rope_local_base_freq: 10_000,
    ...plainRope({ ...read, ...without }, facts),
    rope_theta: required(read, facts, 'rope.freq_base'),
    query_pre_attn_scalar: scoreScale(read, 62),
    final_logit_softcapping: read.final_logit_softcapping || null,
    sliding_window: required(read, facts, 'attention.sliding_window'),
    sliding_window_pattern: 6,
  };
}
