import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { parseWith } from '../parse-with.ts';
import { bertNetwork, readBertConfig } from './bert.ts';
import { linearLayer, normLayer, type EncoderConfig, type EncoderFamily, type EncoderLayer } from './encoder-config.ts';
import { positiveInteger } from '../decoder/families/fields.ts';

const ownJson = z.looseObject({
  embedding_size: positiveInteger.default(128),
  num_hidden_groups: positiveInteger.default(1),
  inner_group_num: positiveInteger.max(1000).default(1),
});

/**
 * ALBERT: the blocks of a group share their weights, so an adapter of a block acts wherever the block is used. The tables are narrower
 * than the blocks.
 */
export const albert: EncoderFamily = {
  modelTypes: ['albert'],
  classifier: 'AlbertForSequenceClassification',
  prefix: 'albert.',
  read(json, path) {
    const config = readBertConfig(json, path, { hidden_act: 'gelu_new' });
    const { embedding_size: width, num_hidden_groups: groups, inner_group_num: inner } = parseWith(ownJson, json, path);
    if (groups > config.layers) {
      const problems = `${groups} groups need as many layers, and there are ${config.layers}`;
      throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
    }
    return {
      config,
      network({ prefix, labels }) {
        const { hiddenSize: hidden } = config;
        const { embeddings } = bertNetwork(config, { prefix, numbering: 'counted', width });
        const blocks = Array.from({ length: groups }, (_, group) =>
          Array.from({ length: inner }, (_each, i) =>
            blockOf(config, `${prefix}encoder.albert_layer_groups.${group}.albert_layers.${i}`),
          ),
        );
        return {
          embeddings: {
            ...embeddings,
            projection: linearLayer(`${prefix}encoder.embedding_hidden_mapping_in`, width, hidden),
          },
          layers: Array.from(
            { length: config.layers },
            (_, i) => blocks[groupOf(i, config.layers, groups)] ?? [],
          ).flat(),
          head:
            labels === 0
              ? []
              : [
                  { linear: linearLayer(`${prefix}pooler`, hidden, hidden), activation: 'tanh' },
                  { linear: linearLayer('classifier', hidden, labels), activation: 'none' },
                ],
        };
      },
    };
  },
};

/** The group whose blocks a layer uses. WHY this division: it rounds as transformers does. */
function groupOf(layer: number, layers: number, groups: number): number {
  return Math.trunc(layer / (layers / groups));
}

function blockOf(config: EncoderConfig, path: string): EncoderLayer {
  const { hiddenSize: hidden, intermediateSize: intermediate } = config;
  const linear = (name: string): ReturnType<typeof linearLayer> =>
    linearLayer(`${path}.attention.${name}`, hidden, hidden);
  return {
    path: `${path}.attention`,
    projections: [linear('query'), linear('key'), linear('value')],
    output: linear('dense'),
    norms: 'after',
    attentionNorm: normLayer(`${path}.attention.LayerNorm`, config),
    mlp: {
      kind: 'plain',
      path,
      activation: config.activation,
      up: linearLayer(`${path}.ffn`, hidden, intermediate),
      down: linearLayer(`${path}.ffn_output`, intermediate, hidden),
    },
    norm: normLayer(`${path}.full_layer_layer_norm`, config),
  };
}
