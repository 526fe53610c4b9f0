import { join } from 'node:path';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import type { BaseModel, BaseTask } from '../base-model.ts';
import { linearWeights, type LinearLayer } from '../graph/linear.ts';
import { mlpLinears } from '../graph/mlp.ts';
import { normWeights } from '../graph/norm.ts';
import { parseWith } from '../parse-with.ts';
import { readQuantization } from '../quantized/quantization-config.ts';
import { selectWeights } from '../select-weights.ts';
import { listWeights } from '../weight-files.ts';
import type { WeightRef } from '../weight-ref.ts';
import {
  linearLayer,
  type Convolution,
  type EncoderConfig,
  type EncoderFamily,
  type EncoderNetwork,
} from './encoder-config.ts';
import { encoderGraphs } from './encoder-graphs.ts';
import { readLabels, readProblem } from './read-labels.ts';
import { readPooling } from './read-pooling.ts';
import { readTextPrompts } from './text-prompts.ts';
import { unpacked } from './unpack-weights.ts';

const header = z.looseObject({ model_type: z.string(), architectures: z.array(z.string()).nullish() });

/** Maps the end of a class name of transformers to the task of the base. The heads of masked language models are not used. */
const tasks: Readonly<Record<string, BaseTask>> = {
  ForSequenceClassification: 'classification',
  ForTokenClassification: 'classification',
  Model: 'embedding',
  ForMaskedLM: 'embedding',
  ForPreTraining: 'embedding',
};

/**
 * Opens the folder of an encoder. An architecture with a classification head becomes a classifier. Any other is opened for its
 * embeddings, and its modules have the paths that `AutoModel` gives them.
 *
 * @param json  the parsed config.json, not trusted
 * @throws the errors of `openBaseModel`
 */
export async function openEncoder(
  dir: string,
  family: EncoderFamily,
  { json, newLabels }: { readonly json: unknown; readonly newLabels?: readonly string[] | undefined },
): Promise<BaseModel> {
  const path = join(dir, 'config.json');
  const stored = taskOf(json, path);
  if (newLabels !== undefined && stored === 'classification') {
    throw new EspalierError('MODEL_HEAD_PRESENT', { dir, labels: readLabels(json, path).join(', ') });
  }
  const task = newLabels === undefined ? stored : 'classification';
  const { config, network: networkOf } = family.read(json, path);
  const labels = newLabels ?? (task === 'classification' ? readLabels(json, path) : undefined);
  const prefix = task === 'classification' ? family.prefix : '';
  const perToken = newLabels === undefined && isForTokens(json);
  const whole = networkOf({ prefix, labels: labels?.length ?? 0 });
  const network = perToken ? forTokens(whole, { family, config, labels: labels?.length ?? 0 }) : whole;
  const modules = linears(network).map(({ path: name, in: width, out }) => ({ path: name, in: width, out }));
  const shapes = weightShapes(config, network);
  const ofHead = new Set(
    newLabels &&
      network.head.flatMap(({ linear, norm }) =>
        [...linearWeights(linear), ...(norm ? normWeights(norm) : [])].map(([name]) => name),
      ),
  );
  const files = await listWeights(dir);
  const rename = (name: string): string => currentName(name, family, prefix === '' ? family.prefix : '');
  const { weights } = await selectWeights(dir, {
    listed: unpacked(files, { rename, unpack: family.unpack }),
    modules,
    quantization: readQuantization(json, path),
    shapes,
    mayLack: (name) => ofHead.has(name),
    prefix,
    isIgnored: isIgnored(family, network, { prefix, isNewHead: newLabels !== undefined }),
  });
  const headWeights = new Map(
    [...ofHead].filter((name) => !weights.has(name)).map((name) => [name, absent(name, shapes)]),
  );
  const problem = stored === 'classification' && !perToken ? readProblem(json, path) : undefined;
  const pooling = await readPooling(dir);
  const prompts = task === 'embedding' ? await readTextPrompts(dir) : undefined;
  return {
    dir,
    config,
    task,
    ...(labels && { labels }),
    ...(problem && { problem }),
    ...(perToken && { perToken }),
    ...(prompts && { prompts }),
    padTokenId: config.padTokenId,
    skipsPadding: true,
    weights,
    stored: files,
    ...(headWeights.size > 0 && { headWeights }),
    modules,
    generation: { eosTokenIds: [] },
    graphs: encoderGraphs({ config, network, weights, pooling, headWeights }),
  };
}

function isForTokens(json: unknown): boolean {
  return header.safeParse(json).data?.architectures?.[0]?.endsWith('ForTokenClassification') ?? false;
}

/** The network with a head that reads every token. */
function forTokens(
  network: EncoderNetwork,
  {
    family,
    config,
    labels,
  }: { readonly family: EncoderFamily; readonly config: EncoderConfig; readonly labels: number },
): EncoderNetwork {
  const layer = { linear: linearLayer('classifier', config.hiddenSize, labels), activation: 'none' } as const;
  return { ...network, headReads: 'tokens', ...(family.sameTokenHead !== true && { head: [layer] }) };
}

/** A weight that is in no file. */
function absent(name: string, shapes: ReadonlyMap<string, readonly number[]>): WeightRef {
  return { name, location: '', offset: 0, length: 0, dtype: 'float32', shape: shapes.get(name) ?? [] };
}

function taskOf(json: unknown, path: string): BaseTask {
  const { model_type: type, architectures } = parseWith(header, json, path);
  const [architecture = `${type}Model`] = architectures ?? [];
  const found = Object.entries(tasks).find(([end]) => architecture.endsWith(end));
  if (found !== undefined) return found[1];
  const supported = Object.keys(tasks)
    .map((end) => `...${end}`)
    .join(', ');
  throw new EspalierError('MODEL_ARCHITECTURE_UNSUPPORTED', {
    path,
    architecture: `${type} / ${architecture}`,
    supported,
  });
}

/** Old checkpoints call the weight and bias of a norm gamma and beta. Masked language models have a prefix that `AutoModel` lacks. */
function currentName(name: string, { rename = (same) => same }: EncoderFamily, outer: string): string {
  const bare = rename(name.startsWith(outer) ? name.slice(outer.length) : name);
  return bare.replace(/\.LayerNorm\.gamma$/, '.LayerNorm.weight').replace(/\.LayerNorm\.beta$/, '.LayerNorm.bias');
}

/** The heads of masked language models, of all families: BERT, RoBERTa, DistilBERT, ELECTRA, ALBERT, ModernBERT. */
const languageHeads = [
  'cls.',
  'lm_head.',
  'vocab_transform.',
  'vocab_layer_norm.',
  'vocab_projector.',
  'generator_predictions.',
  'generator_lm_head.',
  'discriminator_predictions.',
  'predictions.',
  'sop_classifier.',
  'head.',
  'decoder.',
];

/** Tensors that are ignored: buffers of old versions, a pooler that nothing reads, and the heads of masked language models. */
function isIgnored(
  family: EncoderFamily,
  { embeddings, head }: EncoderNetwork,
  { prefix, isNewHead }: { readonly prefix: string; readonly isNewHead: boolean },
): (name: string) => boolean {
  const heads = [...languageHeads, ...(family.languageHeads ?? [])];
  return (name) =>
    name === `${embeddings.path}.position_ids` ||
    // As transformers does: DeBERTa v3 keeps a table that it does not read.
    (embeddings.positions === undefined && name === `${embeddings.path}.position_embeddings.weight`) ||
    name.startsWith(`${prefix}pooler.`) ||
    ((head.length === 0 || isNewHead) && heads.some((each) => name.startsWith(each)));
}

/** All linear layers in the order of the computation, each once. Adapters can target them. */
function linears({ embeddings, layers, head }: EncoderNetwork): LinearLayer[] {
  const all = [
    ...(embeddings.projection ? [embeddings.projection] : []),
    ...layers.flatMap(({ projections, distances: { keys, queries } = {}, output, mlp }) => [
      ...projections,
      ...(keys ? [keys] : []),
      ...(queries ? [queries] : []),
      output,
      ...mlpLinears(mlp),
    ]),
    ...head.map(({ linear }) => linear),
  ];
  return [...new Map(all.map((layer) => [layer.path, layer])).values()];
}

/** Maps the name of every tensor in a checkpoint of this network to its shape. */
function weightShapes(config: EncoderConfig, network: EncoderNetwork): Map<string, readonly number[]> {
  const { width, words, positions, tokenTypes, norm } = network.embeddings;
  const { distanceBias: bias, distanceVectors: vectors, convolution } = network;
  const { hiddenSize: hidden } = config;
  const norms = [
    norm,
    vectors?.norm,
    convolution?.norm,
    ...network.layers.flatMap((layer) => [layer.attentionNorm, layer.norm]),
    network.finalNorm,
    ...network.head.map((step) => step.norm),
  ];
  return new Map<string, readonly number[]>([
    [`${words}.weight`, [config.vocabSize, width]],
    ...(positions === undefined ? [] : [[`${positions}.weight`, [config.positionRows, width]] as const]),
    ...(tokenTypes === undefined ? [] : [[`${tokenTypes}.weight`, [config.tokenTypes, width]] as const]),
    ...(bias === undefined ? [] : [[`${bias.path}.weight`, [bias.buckets, config.heads]] as const]),
    ...(vectors === undefined ? [] : [[`${vectors.path}.weight`, [vectors.rows, hidden]] as const]),
    ...(convolution === undefined ? [] : convolutionWeights(convolution, hidden)),
    ...norms.flatMap((each) => (each ? normWeights(each) : [])),
    ...linears(network).flatMap(linearWeights),
  ]);
}

function convolutionWeights({ path, kernel, groups }: Convolution, hidden: number): [string, readonly number[]][] {
  return [
    [`${path}.weight`, [hidden, hidden / groups, kernel]],
    [`${path}.bias`, [hidden]],
  ];
}
