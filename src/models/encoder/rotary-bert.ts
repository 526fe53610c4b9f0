import { z } from 'zod';
import { readRope, ropeFields } from '../decoder/families/read-rope.ts';
import type { RopeConfig } from '../decoder/rope.ts';
import type { LinearLayer } from '../graph/linear.ts';
import { parseWith } from '../parse-with.ts';
import { pooledHead, readBertConfig } from './bert.ts';
import { linearLayer, normLayer, type EncoderConfig, type EncoderFamily, type EncoderLayer } from './encoder-config.ts';
import { currentGte, currentNomic } from './older-spellings.ts';
import { refuseFeature } from './read-fields.ts';
import { ropeContext } from './read-rope.ts';

const ownJson = ropeFields.extend({ head_dim: z.number().int().positive().nullish() });

interface RotaryTraits {
  readonly modelTypes: readonly string[];
  readonly classifier: string;
  readonly prefix: string;
  readonly defaults: NonNullable<Parameters<typeof readBertConfig>[2]>;
  readonly defaultTheta: number;
  /** Which linear layers have a bias. */
  readonly bias: { readonly attention: boolean; readonly down: boolean };
  /** Translates the names in files to those that transformers gives the modules. */
  readonly rename: (name: string) => string;
  readonly unpack: NonNullable<EncoderFamily['unpack']>;
  /** Translates the configuration of the code that checkpoints brought with them, if it is one. */
  readonly current: (json: unknown, path: string) => unknown;
}

/** Queries, keys and values lie in one matrix, one below the other. */
function threeOf(name: string, packed: RegExp): readonly string[] | undefined {
  const [, path, part] = packed.exec(name) ?? [];
  if (path === undefined || part === undefined) return undefined;
  return ['q_proj', 'k_proj', 'v_proj'].map((each) => `${path}.self_attn.${each}.${part}`);
}

/** Nomic Embed, and its masked language model. */
export const nomicBert = rotaryFamily({
  modelTypes: ['nomic_bert'],
  classifier: 'NomicBertForSequenceClassification',
  prefix: 'nomic_bert.',
  defaults: { hidden_act: 'silu', max_position_embeddings: 2048 },
  defaultTheta: 1000,
  bias: { attention: false, down: false },
  rename: (name) =>
    name
      .replace(/^bert\./, '')
      .replace('encoder.layers.', 'layers.')
      .replace('emb_ln.', 'embeddings.LayerNorm.')
      .replace('.attn.out_proj.', '.self_attn.o_proj.')
      .replace('.fc11.', '.up_proj.')
      .replace('.fc12.', '.gate_proj.')
      .replace('.fc2.', '.down_proj.')
      .replace('.norm1.', '.post_attention_layernorm.')
      .replace('.norm2.', '.post_mlp_layernorm.'),
  unpack: (name) => threeOf(name, /^(.*)\.attn\.Wqkv\.(weight|bias)$/),
  current: currentNomic,
});

/** GTE of 2024 (multilingual, and English v1.5). */
export const gte = rotaryFamily({
  modelTypes: ['gte', 'new'],
  classifier: 'GteForSequenceClassification',
  prefix: 'gte.',
  defaults: { max_position_embeddings: 8192, type_vocab_size: 1, pad_token_id: 1 },
  defaultTheta: 160_000,
  bias: { attention: true, down: true },
  rename: (name) =>
    name
      .replace(/^new\./, '')
      .replace('encoder.layer.', 'layers.')
      .replace(/\.attention\.([qkvo])_proj\./, '.self_attn.$1_proj.')
      .replace('.attn_ln.', '.post_attention_layernorm.')
      .replace('.mlp_ln.', '.post_mlp_layernorm.'),
  unpack: (name) =>
    threeOf(name, /^(.*)\.attention\.qkv_proj\.(weight|bias)$/) ??
    (name.endsWith('.mlp.up_gate_proj.weight')
      ? ['up_proj', 'gate_proj'].map((part) => name.replace('up_gate_proj', part))
      : undefined),
  current: currentGte,
});

/** BERT with rotary positions instead of a table of positions, and a gated feed-forward part. */
function rotaryFamily(traits: RotaryTraits): EncoderFamily {
  const { modelTypes, classifier, prefix: outer, defaults, defaultTheta, rename, unpack, current } = traits;
  return {
    modelTypes,
    classifier,
    prefix: outer,
    rename,
    unpack,
    read(written, path) {
      const json = current(written, path);
      const config = readBertConfig(json, path, defaults);
      const { headDim, maxPositions } = config;
      const fields = parseWith(ownJson, json, path);
      const { head_dim: given } = fields;
      if (typeof given === 'number' && given !== headDim) {
        refuseFeature(path, { feature: 'head_dim', value: String(given), supported: `${headDim} at this width` });
      }
      const rope = ropeContext({ path, headDim, maxPositions, defaultTheta }, (context) => readRope(fields, context));
      return {
        config,
        network({ prefix, labels }) {
          const at = `${prefix}embeddings`;
          return {
            embeddings: {
              path: at,
              width: config.hiddenSize,
              words: `${at}.word_embeddings`,
              positions: undefined,
              tokenTypes: config.tokenTypes === 0 ? undefined : `${at}.token_type_embeddings`,
              norm: normLayer(`${at}.LayerNorm`, config),
              numbering: 'counted',
            },
            layers: Array.from({ length: config.layers }, (_, i) =>
              layerOf(config, `${prefix}layers.${i}`, { rope, bias: traits.bias }),
            ),
            head: pooledHead(config, { prefix, labels }),
          };
        },
      };
    },
  };
}

function layerOf(
  config: EncoderConfig,
  path: string,
  { rope, bias }: { readonly rope: RopeConfig } & Pick<RotaryTraits, 'bias'>,
): EncoderLayer {
  const { hiddenSize: hidden, intermediateSize: intermediate } = config;
  const linear = (name: string): LinearLayer =>
    linearLayer(`${path}.self_attn.${name}`, hidden, hidden, bias.attention);
  return {
    path: `${path}.self_attn`,
    projections: [linear('q_proj'), linear('k_proj'), linear('v_proj')],
    output: linear('o_proj'),
    rope,
    norms: 'after',
    attentionNorm: normLayer(`${path}.post_attention_layernorm`, config),
    mlp: {
      kind: 'gated',
      path: `${path}.mlp`,
      activation: config.activation,
      gate: linearLayer(`${path}.mlp.gate_proj`, hidden, intermediate, false),
      up: linearLayer(`${path}.mlp.up_proj`, hidden, intermediate, false),
      down: linearLayer(`${path}.mlp.down_proj`, intermediate, hidden, bias.down),
    },
    norm: normLayer(`${path}.post_mlp_layernorm`, config),
  };
}
