import type { AdaptableModule } from '../../ir/index.ts';
import { linearWeights, type LinearLayer } from '../graph/linear.ts';
import { expertModules, feedForwardLinears, feedForwardWeights, moduleOf } from '../graph/mixture.ts';
import { normWeights } from '../graph/norm.ts';
import { recurrentLinears, recurrentWeights } from '../graph/recurrent/recurrent-layer.ts';
import type { AttentionLayer, DecoderBlock, DecoderConfig } from './decoder-config.ts';
import { latentLinears, latentNorms } from './latent-projections.ts';

/** Maps the name of every tensor in a checkpoint of this configuration to its shape, in the order of the computation. */
export function decoderWeightShapes(config: DecoderConfig): Map<string, readonly number[]> {
  const { hiddenSize, learnedPositions, narrowEmbedding, lastNorm, perLayer } = config;
  const shapes = new Map<string, readonly number[]>();
  shapes.set(`${config.embedding}.weight`, [config.vocabSize, narrowEmbedding?.width ?? hiddenSize]);
  if (learnedPositions) shapes.set(`${learnedPositions.path}.weight`, [learnedPositions.count, hiddenSize]);
  if (perLayer) shapes.set(`${perLayer.table}.weight`, [perLayer.rows, config.layers * perLayer.width]);
  const layers = [
    ...(perLayer ? [...linearWeights(perLayer.projection), ...normWeights(perLayer.norm)] : []),
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
  const { embedding, vocabSize, hiddenSize, learnedPositions, narrowEmbedding, perLayer: further } = config;
  const inner = config.blocks.flatMap(({ attention, recurrent, mlp, perLayer }) => [
    ...(attention ? attentionLinears(attention) : []).map(moduleOf),
    ...(recurrent ? recurrentLinears(recurrent) : []).map(moduleOf),
    ...(mlp ? [...feedForwardLinears(mlp).map(moduleOf), ...expertModules(mlp)] : []),
    ...(perLayer ? [moduleOf(perLayer.gate), moduleOf(perLayer.projection)] : []),
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
    ...(further
      ? [table(further.table, further.rows, config.layers * further.width), moduleOf(further.projection)]
      : []),
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
    attention?.projections.kind === 'queries' ? undefined : queryKeyNorm?.key,
    attention?.valueNorm,
    ...(attention?.projections.kind === 'latent' ? latentNorms(attention.projections) : []),
    block.attentionOutputNorm,
    block.mlpNorm,
    block.mlpOutputNorm,
    block.sumNorms?.attention,
    block.sumNorms?.mlp,
    block.perLayer?.norm,
  ];
  const sinks: [string, number[]][] = attention?.sinks ? [[attention.sinks, [heads]]] : [];
  return [
    ...norms.flatMap((norm) => (norm ? normWeights(norm) : [])),
    ...(attention ? attentionLinears(attention).flatMap(linearWeights) : []),
    ...sinks,
    ...(recurrent ? recurrentWeights(recurrent) : []),
    ...(mlp ? feedForwardWeights(mlp) : []),
    ...(block.perLayer ? [block.perLayer.gate, block.perLayer.projection].flatMap(linearWeights) : []),
    ...(block.outputScale === undefined ? [] : [[block.outputScale, [1]] as [string, number[]]]),
  ];
}

function attentionLinears({ projections, output }: AttentionLayer): LinearLayer[] {
  switch (projections.kind) {
    case 'packed':
      return [projections.packed, output];
    case 'latent':
      return [...latentLinears(projections), output];
    case 'queries':
      return [projections.query, output];
    case 'keys-as-values':
      return [projections.query, projections.key, output];
    case 'separate':
      return [projections.query, projections.key, projections.value, output];
  }
}
