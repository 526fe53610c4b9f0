import { bertNetwork, readBertConfig } from './bert.ts';
import { linearLayer, normLayer, type EncoderConfig, type EncoderFamily, type EncoderLayer } from './encoder-config.ts';
import { twoLayerHead } from './roberta.ts';

/** The row of the table of positions that padding has, whatever config.json says of the padding token. */
const padTokenId = 1;

/** transformers computes the bucket of a distance with these numbers, whatever the size of the table is. */
const [buckets, farthest] = [32, 128];

/** MPNet: positions as in RoBERTa, and a bias of the scores by distance that all layers share. */
export const mpnet: EncoderFamily = {
  modelTypes: ['mpnet'],
  classifier: 'MPNetForSequenceClassification',
  prefix: 'mpnet.',
  read(json, path) {
    const fields = readBertConfig(json, path, { pad_token_id: padTokenId });
    const config = { ...fields, padTokenId, tokenTypes: 0, maxPositions: fields.positionRows - padTokenId - 1 };
    return {
      config,
      network(options) {
        const { prefix } = options;
        const { layers, ...network } = bertNetwork(config, { ...options, numbering: 'from-padding' });
        return {
          ...network,
          layers: layers.map((layer, i) => renamed(layer, `${prefix}encoder.layer.${i}.attention`, config)),
          distanceBias: { path: `${prefix}encoder.relative_attention_bias`, buckets, bucketOf: distanceBucket },
          head: twoLayerHead(config, options, 'tanh'),
        };
      },
    };
  },
};

/** The attention of BERT under the names that MPNet gives its parts. */
function renamed(layer: EncoderLayer, path: string, config: EncoderConfig): EncoderLayer {
  const { hiddenSize: hidden } = config;
  const linear = (name: string): ReturnType<typeof linearLayer> => linearLayer(`${path}.attn.${name}`, hidden, hidden);
  return {
    ...layer,
    projections: [linear('q'), linear('k'), linear('v')],
    output: linear('o'),
    attentionNorm: normLayer(`${path}.LayerNorm`, config),
  };
}

/**
 * The bucket of a distance: half of the buckets are for each side. Half of those hold one distance each, and the others distances that
 * grow by a factor.
 *
 * @param offset  the position of the key minus that of the query
 * @see Raffel et al. 2020 (T5), section 2.1
 */
export function distanceBucket(offset: number): number {
  const side = buckets / 2;
  const exact = side / 2;
  const distance = Math.abs(offset);
  const start = offset > 0 ? side : 0;
  if (distance < exact) return start + distance;
  const share = Math.log(distance / exact) / Math.log(farthest / exact);
  return start + Math.min(side - 1, exact + Math.trunc(share * (side - exact)));
}
