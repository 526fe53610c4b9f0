import { join } from 'node:path';
import { z } from 'zod';

import { EspalierError } from '../../core/index.ts';
import type { AdaptableModule, Graph, Value } from '../../ir/index.ts';
import type { ModelConfig } from '../base-model.ts';
import { readGenerationConfig, type GenerationConfig } from '../generation-config.ts';
import { parseWith } from '../parse-with.ts';
import { readJsonIfPresent } from '../read-json.ts';
import { headsOf } from './attention-heads.ts';
import type { KvSizes } from './kv-sizes.ts';
import type { TextInterface } from './read-interface.ts';

/** The configuration files beside a graph, as far as they exist. */
export interface BesideFiles {
  readonly config: z.infer<typeof configJson>;
  readonly configPath: string;
  readonly isGenai: boolean;
  readonly generation: GenerationConfig;
}

const size = z.number().int().positive().nullish();
const tokenId = z.number().int().nonnegative();

const configJson = z.looseObject({
  model_type: z.string().nullish(),
  architectures: z.array(z.string()).nullish(),
  vocab_size: size,
  hidden_size: size,
  n_embd: size,
  num_hidden_layers: size,
  n_layer: size,
  num_attention_heads: size,
  n_head: size,
  num_key_value_heads: size,
  head_dim: size,
  max_position_embeddings: size,
  n_positions: size,
  pad_token_id: tokenId.nullish(),
});

const genaiJson = z.looseObject({
  model: z.looseObject({
    type: z.string().nullish(),
    bos_token_id: tokenId.nullish(),
    eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
    context_length: size,
    vocab_size: size,
    decoder: z
      .looseObject({
        head_size: size,
        hidden_size: size,
        num_attention_heads: size,
        num_hidden_layers: size,
        num_key_value_heads: size,
      })
      .nullish(),
  }),
});

/**
 * Reads `genai_config.json`, `config.json` and `generation_config.json` of a folder; each may be missing.
 * @throws EspalierError MODEL_CONFIG_INVALID
 */
export async function readBesideFiles(dir: string): Promise<BesideFiles> {
  const genaiPath = join(dir, 'genai_config.json');
  const genai = await readJsonIfPresent(genaiPath);
  const configPath = join(dir, 'config.json');
  const json = (await readJsonIfPresent(configPath)) ?? {};
  const config = parseWith(configJson, json, configPath);
  const generation = await readGenerationConfig(dir, json);
  if (genai === undefined) return { config, configPath, isGenai: false, generation };
  const { model } = parseWith(genaiJson, genai, genaiPath);
  const eos = model.eos_token_id ?? [];
  const bos = generation.bosTokenId ?? model.bos_token_id;
  const eosTokenIds = generation.eosTokenIds.length > 0 ? generation.eosTokenIds : [eos].flat();
  return {
    config: { ...fromGenai(model), ...config },
    configPath: genaiPath,
    isGenai: true,
    generation: { ...(typeof bos === 'number' && { bosTokenId: bos }), eosTokenIds },
  };
}

function fromGenai({ decoder, ...model }: z.infer<typeof genaiJson>['model']): z.infer<typeof configJson> {
  return {
    model_type: model.type,
    vocab_size: model.vocab_size,
    max_position_embeddings: model.context_length,
    hidden_size: decoder?.hidden_size,
    num_hidden_layers: decoder?.num_hidden_layers,
    num_attention_heads: decoder?.num_attention_heads,
    num_key_value_heads: decoder?.num_key_value_heads,
    head_dim: decoder?.head_size,
  };
}

/**
 * Finds the number and the size of heads: from the inputs of the graph for keys, or else from the configuration.
 * @returns undefined when neither contains them
 */
export function kvSizes({ states }: TextInterface, { config, configPath }: BesideFiles): KvSizes | undefined {
  const [, kvDim, , dim] = states[0]?.past.shape ?? [];
  const heads = config.num_attention_heads ?? config.n_head ?? undefined;
  const hidden = config.hidden_size ?? config.n_embd ?? undefined;
  const said = { kvHeads: config.num_key_value_heads ?? undefined, headDim: config.head_dim ?? undefined };
  // A number that the configuration leaves to its family is not a contradiction. Falcon, for example, has one head of keys.
  const kvHeads = agreed('key-value heads', { graph: kvDim, file: said.kvHeads, path: configPath }) ?? heads;
  const usual = heads && hidden ? hidden / heads : undefined;
  const headDim = agreed('head size', { graph: dim, file: said.headDim, path: configPath }) ?? usual;
  return kvHeads === undefined || headDim === undefined ? undefined : { kvHeads, headDim };
}

/** The assumed length of the longest row of a rotary model whose files do not contain it. */
const unknownLength = 2048;

export interface SizedGraph {
  readonly graph: Graph;
  /** [..., vocab] */
  readonly logits: Value | undefined;
  /** The input of the head, if the head is found. */
  readonly hiddenSize: number | undefined;
  readonly modules: readonly AdaptableModule[];
  /** The number of its inputs for keys and values. */
  readonly states: number;
  readonly kv: KvSizes | undefined;
}

/**
 * Makes the description of a base from its graph and the files beside it.
 * @throws EspalierError MODEL_CONFIG_INVALID when they contradict each other
 */
export function describeConfig(sized: SizedGraph, files: BesideFiles, kind: ModelConfig['kind']): ModelConfig {
  const { config, configPath: path } = files;
  const { graph, logits, hiddenSize, modules, states } = sized;
  const words = modules.find((module) => module.kind === 'embedding');
  const said = config.vocab_size ?? undefined;
  const width = kind === 'decoder' ? logits?.shape?.at(-1) : words?.in;
  const vocabSize = agreed('vocabulary', { graph: width, file: said, path }) ?? 0;
  const saidHidden = config.hidden_size ?? config.n_embd ?? undefined;
  const inside = hiddenSize ?? words?.out;
  const own = agreed('hidden size', { graph: inside, file: saidHidden, path }) ?? vocabSize;
  // When the head is not found, the trunk returns logits instead of states (see `onnxTextGraphs`).
  const hidden = kind === 'decoder' && hiddenSize === undefined ? vocabSize : own;
  const saidLayers = config.num_hidden_layers ?? config.n_layer ?? undefined;
  const counted = states > 0 ? states / 2 : countLayers(modules);
  const { kvHeads, headDim } = sized.kv ?? headsOf(graph, modules, hidden) ?? { kvHeads: 1, headDim: hidden };
  return {
    kind,
    family: config.model_type ?? 'onnx',
    vocabSize,
    hiddenSize: hidden,
    layers: agreed('number of layers', { graph: counted, file: saidLayers, path }) ?? 0,
    kvHeads,
    headDim,
    maxPositions: config.max_position_embeddings ?? config.n_positions ?? tablePositions(graph) ?? unknownLength,
  };
}

/** Counts layers by the first number in the paths of modules. */
function countLayers(modules: readonly AdaptableModule[]): number | undefined {
  const numbers = modules.flatMap(({ path }) => /\.(\d+)\./.exec(path)?.[1] ?? []).map(Number);
  return numbers.length === 0 ? undefined : Math.max(...numbers) + 1;
}

/** Rows of the tables of positions: rotary ones, or learned ones. */
function tablePositions({ nodes }: Graph): number | undefined {
  const tables = nodes.flatMap((node) => {
    if (node.opType === 'GroupQueryAttention') return node.inputs[7] ?? [];
    if (node.qualifiedType === 'com.microsoft:RotaryEmbedding') return node.inputs[2] ?? [];
    const isLearned =
      node.opType === 'Gather' && /(wpe|position_embeddings|embed_positions)\.weight$/.test(node.inputs[0]?.name ?? '');
    return isLearned ? (node.inputs[0] ?? []) : [];
  });
  const rows = tables.flatMap(({ shape }) => (typeof shape?.[0] === 'number' ? shape[0] : []));
  return rows.length === 0 ? undefined : Math.min(...rows);
}

interface Sources {
  readonly graph: unknown;
  readonly file: number | undefined;
  readonly path: string;
}

/** Returns the number of the graph, or else that of the file. When both exist, they must be equal. */
function agreed(what: string, { graph, file, path }: Sources): number | undefined {
  const own = typeof graph === 'number' ? graph : undefined;
  if (own !== undefined && file !== undefined && own !== file) {
    const problems = `the ${what} is ${file}, and the graph has ${own}`;
    throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
  }
  return own ?? file;
}
