import { join } from 'node:path';

import type { AdaptableModule } from '../../ir/index.ts';
import type { BaseGraphs, BaseModel } from '../base-model.ts';
import { readGenerationConfig, type GenerationConfig } from '../generation-config.ts';
import { expertLinears, moduleOf } from '../graph/mixture.ts';
import { type Quantization, readQuantization } from '../quantized/quantization-config.ts';
import { selectWeights, type WantedWeights } from '../select-weights.ts';
import { stateShapes } from '../graph/recurrent/recurrent-layer.ts';
import { listWeights, type ListedWeights } from '../weight-files.ts';
import type { DecoderConfig } from './decoder-config.ts';
import { asClassifier, buildDecoderClassification, isClassifier, type DecoderClassifier } from './classifier.ts';
import { decoderModules, decoderWeightShapes } from './decoder-weights.ts';
import type { DecoderFamily } from './families/decoder-family.ts';
import { buildDecoderEmbedding, readEmbedder, type DecoderEmbedder } from './embedder.ts';
import { decoderGraphs, type DecoderSource } from './graphs.ts';
import { cachedHeadDim } from './head-padding.ts';
import { withOwnHead } from './own-head.ts';
import { isStatic } from './rotation.ts';
import { divideExperts } from './stacked-experts.ts';

/** Opens the folder of a decoder; see `openBaseModel`. @param json  the parsed config.json */
export async function openDecoder(dir: string, family: DecoderFamily, json: unknown): Promise<BaseModel> {
  const path = join(dir, 'config.json');
  family.parse(json, path);
  const listed = await listWeights(dir);
  const embedder = isClassifier(family, json) ? undefined : await readEmbedder(dir, json, path);
  const generation = await readGenerationConfig(dir, json);
  return openDecoderOf({ dir, path, family, json, listed, embedder, generation });
}

/** What a decoder is made of, wherever it was read. */
export interface DecoderParts {
  readonly dir: string;
  /** What errors of the configuration name. */
  readonly path: string;
  readonly family: DecoderFamily;
  /** The configuration as config.json has it. */
  readonly json: unknown;
  readonly listed: ListedWeights;
  /** How the decoder embeds whole texts, if it does. */
  readonly embedder?: DecoderEmbedder | undefined;
  readonly generation: GenerationConfig;
}

/** Opens a decoder whose configuration and weights were read. */
export async function openDecoderOf(parts: DecoderParts): Promise<BaseModel> {
  const { dir, path, family, json, listed, embedder, generation } = parts;
  const asWritten = family.parse(json, path);
  const parsed = await withOwnHead(asWritten, { dir, listed, rename: family.rename });
  const classifier = isClassifier(family, json) ? asClassifier(parsed, json, path) : undefined;
  const { config } = classifier ?? { config: parsed };
  const isHead = (name: string): boolean => embedder !== undefined && name.startsWith(`${config.head.path}.`);
  const modules = decoderModules(config).filter(({ path: module }) => !isHead(`${module}.`));
  const experts = expertMatrices(config);
  const quantization = readQuantization(json, path);
  const wanted = { ...wantedWeights(config, family, quantization), listed, mayLack: isHead };
  const { weights, stored } = await selectWeights(dir, wanted);
  return {
    dir,
    // A decoder that embeds reads whole texts, as an encoder does.
    config: { ...summaryOf(config), ...(embedder && { kind: 'encoder' as const }) },
    weights,
    stored,
    modules,
    ...(experts.length > 0 && { experts }),
    generation,
    ...(classifier?.about ?? embedder?.about ?? { packsRows: true }),
    graphs: graphsOf({ config, weights }, { classifier, embedder }),
  };
}

interface Uses {
  readonly classifier: DecoderClassifier | undefined;
  readonly embedder: DecoderEmbedder | undefined;
}

function graphsOf(source: DecoderSource, { classifier, embedder }: Uses): BaseGraphs {
  if (classifier) {
    return { classification: (options) => buildDecoderClassification(source, classifier.about, options) };
  }
  if (embedder) return { embedding: (options) => buildDecoderEmbedding(source, embedder.pooling, options) };
  return decoderGraphs(source);
}

/** The weights that a decoder needs, and how its files may name them. */
export function wantedWeights(
  config: DecoderConfig,
  family: DecoderFamily,
  quantization?: Quantization,
): WantedWeights {
  return {
    modules: [...decoderModules(config), ...expertMatrices(config)],
    quantization,
    shapes: decoderWeightShapes(config),
    prefix: `${config.embedding.split('.')[0] ?? ''}.`,
    ...(family.rename && { rename: family.rename }),
    divide: (tensors, dir) => divideExperts(tensors, { dir, config, quantization }),
    isIgnored: (name) => isIgnored(name, config) || family.isForeign?.(name) === true,
  };
}

/** The matrices of experts. They are no modules, but are quantized like those of modules. */
function expertMatrices({ blocks }: DecoderConfig): AdaptableModule[] {
  return blocks.flatMap(({ mlp }) => (mlp ? expertLinears(mlp) : []).map(moduleOf));
}

/** Buffers that older versions of transformers saved with the weights. */
const buffers = /\.(rotary_emb\.inv_freq|(attn|attention)\.(bias|masked_bias))$/;

/** Whether a tensor in the checkpoint may stay unused: an old buffer, a further layer, or the written copy of a tied head. */
function isIgnored(name: string, { head, blocks, layers, furtherLayers = 0 }: DecoderConfig): boolean {
  const layer = Number(/\.layers\.(\d+)\./.exec(name)?.[1] ?? 0);
  if (layer >= layers && layer < layers + furtherLayers) return true;
  if (buffers.test(name) || (head.weight !== undefined && name === `${head.path}.weight`)) return true;
  // Checkpoints of Gemma 4 keep the keys and values of layers that read those of others.
  const [, path, part] = /^(.*)\.([kv]_(?:proj|norm))\.weight$/.exec(name) ?? [];
  if (part === undefined) return false;
  return blocks.some(({ attention }) => attention?.projections.kind === 'queries' && attention.path === path);
}

function lengthMatters({ blocks, maxPositions }: DecoderConfig): boolean {
  return blocks.some(({ attention }) => attention?.rope !== undefined && !isStatic(attention.rope, maxPositions));
}

/** The configuration without the list of blocks. */
function summaryOf(config: DecoderConfig): BaseModel['config'] {
  const { kind, family, vocabSize, hiddenSize, intermediateSize, layers, heads, kvHeads, headDim, maxPositions } =
    config;
  return {
    kind,
    family,
    vocabSize,
    hiddenSize,
    intermediateSize,
    layers,
    heads,
    kvHeads,
    headDim,
    ...(config.kvLayers !== undefined && { kvLayers: config.kvLayers }),
    ...(config.caches && { caches: config.caches }),
    ...(cachedHeadDim(config) !== headDim && { cachedHeadDim: cachedHeadDim(config) }),
    maxPositions,
    ...(lengthMatters(config) && { lengthMatters: true }),
    ...(config.recomputeLength !== undefined && { recomputeLength: config.recomputeLength }),
    tiedEmbeddings: config.head.weight !== undefined,
    ...statesOf(config),
  };
}

/** What a hybrid keeps of a row besides, or instead of, keys and values in every layer. */
function statesOf({ blocks }: DecoderConfig): Pick<BaseModel['config'], 'kvLayers' | 'states'> {
  const states = blocks.flatMap(({ recurrent }) => (recurrent ? stateShapes(recurrent) : []));
  const kvLayers = blocks.filter(({ attention }) => attention !== undefined).length;
  return { ...(kvLayers !== blocks.length && { kvLayers }), ...(states.length > 0 && { states }) };
}
