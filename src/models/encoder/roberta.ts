import { z } from 'zod';
import { parseWith } from '../parse-with.ts';
import { bertNetwork, readBertConfig } from './bert.ts';
import { linearLayer, type EncoderFamily } from './encoder-config.ts';

const padding = z.looseObject({ pad_token_id: z.number().int().nonnegative().default(1) });

/**
 * RoBERTa. It differs from BERT in two points: positions count from the row after the padding token's row, and the head has two
 * layers under one name. XLM-RoBERTa and CamemBERT are the same network.
 */
export const roberta: EncoderFamily = {
  modelTypes: ['roberta', 'xlm-roberta', 'camembert'],
  classifier: 'RobertaForSequenceClassification',
  prefix: 'roberta.',
  readConfig(json, path) {
    const config = readBertConfig(json, path);
    const { pad_token_id: padTokenId } = parseWith(padding, json, path);
    return { ...config, padTokenId, maxPositions: config.positionRows - padTokenId - 1 };
  },
  network: (config, { prefix, labels }) => ({
    ...bertNetwork(config, { prefix, numbering: 'from-padding' }),
    head:
      labels === 0
        ? []
        : [
            { linear: linearLayer('classifier.dense', config.hiddenSize, config.hiddenSize), activation: 'tanh' },
            { linear: linearLayer('classifier.out_proj', config.hiddenSize, labels), activation: 'none' },
          ],
  }),
};
