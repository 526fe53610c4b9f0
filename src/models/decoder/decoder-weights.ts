import type { AdaptableModule } from '../../ir/index.ts';
import { linearWeights, type LinearLayer } from '../graph/linear.ts';
import { expertModules, feedForwardLinears, feedForwardWeights, moduleOf } from '../graph/mixture.ts';
import { normWeights } from '../graph/norm.ts';
import { recurrentLinears, recurrentWeights } from '../graph/recurrent/recurrent-layer.ts';
import type { AttentionLayer, DecoderBlock, DecoderConfig } from './decoder-config.ts';
import { latentLinears, latentNorms } from './latent-projections.ts';

/** Maps the name of every tensor in a checkpoint of this configuration to its shape, in the order of the computation. */
export function decoderWeightShapes(config: DecoderConfig): Map<string, readonly number[]> {
  const { hiddenSize, learnedPositions, narrowEmbedding, lastNorm } = config;
  const shapes = new Map<string, readonly number[]>();
  shapes.set(`${config.embedding}.weight`, [config.vocabSize, narrowEmbedding?.width ?? hiddenSize]);
  if (learnedPositions) shapes.set(`${learnedPositions.path}.weight`, [learnedPositions.count, hiddenSize]);
  const layers = [
    ...(narrowEmbedding ? linearWeights(narrowEmbedding.widen) : []),
    ...config.blocks.flatMap((block) => blockWeights(block, config)),
    ...(lastNorm ? normWeights(lastNorm) : []),
    ...(narrowEmbedding ? linearWeights(narrowEmbedding.narrow) : []),
    ...linearWeights(config.head),
  ];
  for (const [name, shape] of layers) shapes.set(name, shape);
  return shapes;
}

/** The modules that an adapter can target: the embeddings, all linear layers and the parameters of experts. The head is last. */
export function decoderModules(config: DecoderConfig): AdaptableModule[] {
  const { embedding, vocabSize, hiddenSize, learnedPositions, narrowEmbedding } = config;
  const inner = config.blocks.flatMap(({ attention, recurrent, mlp }) => [
    ...(attention ? attentionLinears(attention) : []).map(moduleOf),
    ...(recurrent ? recurrentLinears(recurrent) : []).map(moduleOf),
    ...(mlp ? [...feedForwardLinears(mlp).map(moduleOf), ...expertModules(mlp)] : []),
  ]);
  const modules = narrowEmbedding
    ? [moduleOf(narrowEmbedding.widen), ...inner, moduleOf(narrowEmbedding.narrow)]
    : inner;
  const table = (path: string, rows: number, width = hiddenSize): AdaptableModule => ({
    path,
    kind: 'embedding',
    in: rows,
    out: width,
  });
  return [
    table(embedding, vocabSize, narrowEmbedding?.width),
    ...(learnedPositions ? [table(learnedPositions.path, learnedPositions.count)] : []),
    ...modules,
    moduleOf(config.head),
  ];
}

function blockWeights(
  { attention, recurrent, mlp, ...block }: DecoderBlock,
  { heads }: DecoderConfig,
): [string, number[]][] {
  const queryKeyNorm = attention?.queryKeyNorm;
  const norms = [
    block.attentionNorm,
    queryKeyNorm?.query,
    queryKeyNorm?.key,
    ...(attention?.projections.kind === 'latent' ? latentNorms(attention.projections) : []),
    block.attentionOutputNorm,
    block.mlpNorm,
    block.mlpOutputNorm,
    block.sumNorms?.attention,
    block.sumNorms?.mlp,
  ];
  const sinks: [string, number[]][] = attention?.sinks ? [[attention.sinks, [heads]]] : [];
  return [
    ...norms.flatMap((norm) => (norm ? normWeights(norm) : [])),
    ...(attention ? attentionLinears(attention).flatMap(linearWeights) : []),
    ...sinks,
    ...(recurrent ? recurrentWeights(recurrent) : []),
    ...(mlp ? feedForwardWeights(mlp) : []),
  ];
}

function attentionLinears({ projections, output }: AttentionLayer): LinearLayer[] {
  if (projections.kind === 'packed') return [projections.packed, output];
  if (projections.kind === 'latent') return [...latentLinears(projections), output];
  return [projections.query, projections.key, projections.value, output];
}
