import { EspalierError } from '../../../core/index.ts';
import type { LinearLayer } from '../../graph/linear.ts';
import type { FeedForward } from '../../graph/mixture.ts';
import type { MlpLayer } from '../../graph/mlp.ts';
import type { NormLayer } from '../../graph/norm.ts';
import type { RecurrentLayer } from '../../graph/recurrent/recurrent-layer.ts';
import type {
  AttentionLayer,
  DecoderBlock,
  DecoderConfig,
  MixerScales,
  Projections,
  QueryKeyNorm,
} from '../decoder-config.ts';
import { changingLength, type RopeConfig } from '../rope.ts';
import type { Sizes } from './fields.ts';
import { reachOf } from './read-rope.ts';

/** The differences of a family from Llama, when its modules are named as in Llama. */
export interface LlamaLike {
  readonly family: string;
  readonly path: string;
  /** The path of the network without its head. Default: `model`. */
  readonly root?: string;
  readonly sizes: Sizes;
  readonly activation: MlpLayer['activation'];
  /** The rotary embedding and the sliding window of each layer. */
  readonly layer: (index: number) => { readonly rope?: RopeConfig | undefined; readonly window?: number | undefined };
  /** The rotary settings that limit the longest row. Default: those of the first layer. */
  readonly longest?: RopeConfig;
  readonly biases?: {
    readonly queryKeyValue?: boolean;
    readonly output?: boolean;
    readonly mlp?: boolean;
    readonly head?: boolean;
  };
  /** Whether there are norms before each branch, after it, or both, or one before two parallel branches. Default: before. */
  readonly norms?: 'before' | 'behind' | 'both' | 'parallel';
  /** Names of norms that differ from Llama's. */
  readonly normNames?: Partial<NormNames>;
  /** The kind of all norms. Default: `rms`. A LayerNorm has a bias unless `normParameters` says otherwise. */
  readonly normKind?: NormLayer['kind'];
  readonly normParameters?: NonNullable<NormLayer['parameters']>;
  readonly normOffset?: 0 | 1;
  /** What the norms of queries and keys normalize. `own-head`: each head has weights of its own, stored in one of two ways. */
  readonly queryKeyNorm?: 'head' | 'all' | 'own-head';
  readonly ownHeads?: 'rows' | 'tensors';
  /** Whether the norms of queries and keys come after the rotary embedding. */
  readonly normsTurned?: boolean;
  readonly queryGrowth?: AttentionLayer['queryGrowth'];
  /** Without a gate, the feed-forward part has two layers of these names. */
  readonly ungated?: { readonly up: string; readonly down: string };
  /** Whether a row must run again from its first token when it grows beyond the length that its frequencies are for. */
  readonly recomputes?: boolean;
  /** The feed-forward part of a block, if it is not Llama's; undefined: Llama's. @param block  the path of the block */
  readonly feedForward?: (index: number, block: string) => FeedForward | undefined;
  /** The recurrent layer that stands in the place of the attention of a block. @param block  the path of the block */
  readonly recurrent?: (index: number, block: string) => RecurrentLayer | undefined;
  /** Whether recurrent layers stand beside attention instead, and the factors of both. */
  readonly beside?: MixerScales;
  /** Whether the layer of the queries gives a gate for the result of each head too. */
  readonly gatedOutput?: boolean;
  /** The name of the output layer of attention. Default: `o_proj`. */
  readonly outputName?: string;
  /** Whether queries, keys and values share one matrix, and gate and up another; or only the latter. */
  readonly packed?: boolean | 'gate-up';
  /** Default: 1 / sqrt(headDim). */
  readonly scale?: number;
  readonly softcap?: number | undefined;
  /** The layers of queries, keys and values, if they are not Llama's. @param path  the path of the attention */
  readonly projections?: (path: string) => Projections;
  /** The size of a head of values. Default: that of queries and keys. */
  readonly valueDim?: number;
  readonly furtherLayers?: number;
  /** Whether each head has an attention sink. */
  readonly sinks?: boolean;
  /** Queries, keys and values are clipped to ± this number. */
  readonly clip?: number | undefined;
  readonly embeddingScale?: number;
  readonly residualScale?: number;
  readonly logitScale?: number;
  readonly logitSoftcap?: number | undefined;
}

/** The names of norms within a block, and of the last norm. */
interface NormNames {
  readonly attention: string;
  readonly attentionOutput: string;
  readonly mlp: string;
  readonly mlpOutput: string;
  readonly query: string;
  readonly key: string;
  readonly last: string;
}

/** Makes the description of a decoder whose modules are named as in Llama. */
export function llamaLike(options: LlamaLike): DecoderConfig {
  const {
    family,
    root = 'model',
    sizes,
    longest,
    embeddingScale = 1,
    residualScale = 1,
    logitScale = 1,
    logitSoftcap,
  } = options;
  checkHeads(sizes, options.path);
  const { tied, maxPositions } = sizes;
  const recomputeLength = options.recomputes && longest ? changingLength(longest) : undefined;
  return {
    kind: 'decoder',
    family,
    vocabSize: sizes.vocabSize,
    hiddenSize: sizes.hiddenSize,
    intermediateSize: sizes.intermediateSize,
    layers: sizes.layers,
    heads: sizes.heads,
    kvHeads: sizes.kvHeads,
    headDim: sizes.headDim,
    ...(options.valueDim !== undefined && { valueDim: options.valueDim }),
    ...(options.furtherLayers !== undefined && { furtherLayers: options.furtherLayers }),
    maxPositions: longest ? reachOf(longest, maxPositions) : maxPositions,
    ...(recomputeLength !== undefined && { recomputeLength }),
    embedding: `${root}.embed_tokens`,
    embeddingScale,
    blocks: Array.from({ length: sizes.layers }, (_, index) => blockOf(options, index)),
    residualScale,
    lastNorm: normOf(options, `${root}.${options.normNames?.last ?? 'norm'}`),
    head: {
      path: 'lm_head',
      in: sizes.hiddenSize,
      out: sizes.vocabSize,
      bias: options.biases?.head ?? false,
      ...(tied && { weight: `${root}.embed_tokens.weight` }),
    },
    logitScale,
    ...(logitSoftcap !== undefined && { logitSoftcap }),
  };
}

/** @throws EspalierError MODEL_CONFIG_INVALID if the number of query heads is not a multiple of the number of key heads */
export function checkHeads({ heads, kvHeads, headDim }: Sizes, path: string): void {
  const problems: string[] = [];
  if (heads % kvHeads !== 0) problems.push(`${heads} attention heads cannot share ${kvHeads} key-value heads evenly`);
  if (!Number.isInteger(headDim)) problems.push(`the head size ${headDim} is not an integer`);
  if (problems.length > 0) throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
}

function blockOf(options: LlamaLike, index: number): DecoderBlock {
  const { norms = 'before', root = 'model' } = options;
  const path = `${root}.layers.${index}`;
  const norm = (name: string): NormLayer => normOf(options, `${path}.${name}`);
  // Llama names the norm before the feed-forward part after the attention. In a block with four norms, another norm has this name.
  const names = {
    attention: 'input_layernorm',
    attentionOutput: 'post_attention_layernorm',
    mlp: norms === 'both' ? 'pre_feedforward_layernorm' : 'post_attention_layernorm',
    mlpOutput: 'post_feedforward_layernorm',
    ...options.normNames,
  };
  const behind = norms === 'behind' || norms === 'both';
  const recurrent = options.recurrent?.(index, path);
  const { beside } = options;
  return {
    path,
    ...(norms !== 'behind' && { attentionNorm: norm(names.attention) }),
    ...(!recurrent || beside ? { attention: attentionOf(options, path, index) } : {}),
    ...(recurrent && { recurrent }),
    ...(beside && { mixerScales: beside }),
    ...(behind && { attentionOutputNorm: norm(names.attentionOutput) }),
    ...((norms === 'before' || norms === 'both') && { mlpNorm: norm(names.mlp) }),
    mlp: options.feedForward?.(index, path) ?? mlpOf(options, `${path}.mlp`),
    ...(behind && { mlpOutputNorm: norm(names.mlpOutput) }),
    ...(norms === 'parallel' && { parallel: true }),
  };
}

function normOf(options: LlamaLike, path: string, width = options.sizes.hiddenSize): NormLayer {
  const { sizes, normKind: kind = 'rms', normParameters: parameters, normOffset: offset = 0 } = options;
  return { path, kind, width, epsilon: sizes.epsilon, offset, ...(parameters && { parameters }) };
}

function queryKeyNormOf(options: LlamaLike, path: string): QueryKeyNorm | undefined {
  const { sizes, queryKeyNorm: over, ownHeads: stored = 'rows', normNames, normsTurned: turned = false } = options;
  if (over === undefined) return undefined;
  const norm = (name: string, count: number): NormLayer => ({
    ...normOf(options, `${path}.${name}`, (over === 'all' ? count : 1) * sizes.headDim),
    ...(over === 'own-head' && { heads: { count, stored } }),
  });
  return {
    over,
    query: norm(normNames?.query ?? 'q_norm', sizes.heads),
    key: norm(normNames?.key ?? 'k_norm', sizes.kvHeads),
    ...(turned && { turned }),
  };
}

function attentionOf(options: LlamaLike, block: string, index: number): AttentionLayer {
  const { sizes, biases, softcap, clip, queryGrowth, scale = 1 / Math.sqrt(sizes.headDim) } = options;
  const { heads, headDim, hiddenSize } = sizes;
  const path = `${block}.self_attn`;
  const { rope, window } = options.layer(index);
  const queryKeyNorm = queryKeyNormOf(options, path);
  return {
    path,
    projections: options.projections?.(path) ?? projectionsOf(options, path),
    output: {
      path: `${path}.${options.outputName ?? 'o_proj'}`,
      in: heads * (options.valueDim ?? headDim),
      out: hiddenSize,
      bias: biases?.output ?? false,
    },
    ...(options.gatedOutput && { gatedOutput: true }),
    ...(queryKeyNorm && { queryKeyNorm }),
    ...(rope && { rope }),
    scale,
    ...(softcap !== undefined && { softcap }),
    ...(clip !== undefined && { clip }),
    ...(window !== undefined && { window }),
    ...(options.sinks && { sinks: `${path}.sinks` }),
    ...(queryGrowth && { queryGrowth }),
  };
}

function projectionsOf({ sizes, biases, gatedOutput, packed = false }: LlamaLike, path: string): Projections {
  const { heads, kvHeads, headDim, hiddenSize } = sizes;
  const bias = biases?.queryKeyValue ?? false;
  const layer = (name: string, count: number): LinearLayer => ({
    path: `${path}.${name}`,
    in: hiddenSize,
    out: count * headDim,
    bias,
  });
  if (packed === true) return { kind: 'packed', packed: layer('qkv_proj', heads + 2 * kvHeads) };
  return {
    kind: 'separate',
    query: layer('q_proj', gatedOutput ? 2 * heads : heads),
    key: layer('k_proj', kvHeads),
    value: layer('v_proj', kvHeads),
  };
}

function mlpOf({ sizes, biases, activation, packed = false, ungated }: LlamaLike, path: string): MlpLayer {
  const { hiddenSize, intermediateSize } = sizes;
  const bias = biases?.mlp ?? false;
  const inner = (name: string, out = intermediateSize): LinearLayer => ({
    path: `${path}.${name}`,
    in: hiddenSize,
    out,
    bias,
  });
  const down = { path: `${path}.${ungated?.down ?? 'down_proj'}`, in: intermediateSize, out: hiddenSize, bias };
  if (ungated) return { path, activation, kind: 'plain', up: inner(ungated.up), down };
  if (packed !== false)
    return { path, activation, kind: 'packed', gateUp: inner('gate_up_proj', 2 * intermediateSize), down };
  return { path, activation, kind: 'gated', gate: inner('gate_proj'), up: inner('up_proj'), down };
}
