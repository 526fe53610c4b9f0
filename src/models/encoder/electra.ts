import { z } from 'zod';
import { parseWith } from '../parse-with.ts';
import { bertNetwork, readBertConfig } from './bert.ts';
import { linearLayer, type EncoderFamily } from './encoder-config.ts';
import { positiveInteger } from '../decoder/families/fields.ts';
import { twoLayerHead } from './roberta.ts';

const ownJson = z.looseObject({ embedding_size: positiveInteger.default(128) });

/**
 * ELECTRA: BERT with tables that may be narrower than the blocks, and a head of two layers. Its discriminator and its generator are the
 * same network.
 */
export const electra: EncoderFamily = {
  modelTypes: ['electra'],
  classifier: 'ElectraForSequenceClassification',
  prefix: 'electra.',
  read(json, path) {
    const config = readBertConfig(json, path);
    const { embedding_size: width } = parseWith(ownJson, json, path);
    return {
      config,
      network(options) {
        const { embeddings, ...network } = bertNetwork(config, { ...options, numbering: 'counted', width });
        const projection = linearLayer(`${options.prefix}embeddings_project`, width, config.hiddenSize);
        return {
          ...network,
          embeddings: { ...embeddings, ...(width !== config.hiddenSize && { projection }) },
          head: twoLayerHead(config, options, 'gelu'),
        };
      },
    };
  },
};
