import { z } from 'zod';
import { parseWith } from '../parse-with.ts';
import { bertNetwork, readBertConfig } from './bert.ts';
import {
  linearLayer,
  type EncoderConfig,
  type EncoderFamily,
  type HeadLayer,
  type NetworkOptions,
} from './encoder-config.ts';

const padding = z.looseObject({ pad_token_id: z.number().int().nonnegative().default(1) });

/**
 * RoBERTa. It differs from BERT in two points: positions count from the row after the padding token's row, and the head has two
 * layers under one name. XLM-RoBERTa and CamemBERT are the same network.
 */
export const roberta: EncoderFamily = {
  modelTypes: ['roberta', 'xlm-roberta', 'camembert'],
  classifier: 'RobertaForSequenceClassification',
  prefix: 'roberta.',
  read(json, path) {
    const fields = readBertConfig(json, path);
    const { pad_token_id: padTokenId } = parseWith(padding, json, path);
    const config = { ...fields, padTokenId, maxPositions: fields.positionRows - padTokenId - 1 };
    return {
      config,
      network: (options) => ({
        ...bertNetwork(config, { ...options, numbering: 'from-padding' }),
        head: twoLayerHead(config, options, 'tanh'),
      }),
    };
  },
};

/** A head of two layers under one name, over the state of the first token. */
export function twoLayerHead(
  { hiddenSize }: EncoderConfig,
  { labels }: NetworkOptions,
  activation: HeadLayer['activation'],
): readonly HeadLayer[] {
  if (labels === 0) return [];
  return [
    { linear: linearLayer('classifier.dense', hiddenSize, hiddenSize), activation },
    { linear: linearLayer('classifier.out_proj', hiddenSize, labels), activation: 'none' },
  ];
}
