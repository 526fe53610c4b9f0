import { z } from 'zod';

import { EspalierError } from '../../../core/index.ts';
import { parseWith } from '../../parse-with.ts';
import type { DecoderFamily } from './decoder-family.ts';
import { parseLlamaFamily } from './llama-family.ts';
import { ministral3Settings } from './ministral3.ts';
import { mistralSettings } from './mistral.ts';
import { textPart } from './text-part.ts';

const multimodal = z.looseObject({
  text_config: z.looseObject({ model_type: z.string().nullish() }),
});

/** Mistral Small 3.1 and later, Ministral 3: the network for images and text. Espalier uses its text part. */
export const mistral3: DecoderFamily = {
  modelType: 'mistral3',
  architecture: 'Mistral3ForConditionalGeneration',
  parse(json, path) {
    const { text_config: text } = parseWith(multimodal, json, path);
    const place = { path, family: 'mistral3', root: 'model.language_model' };
    const fields = textPart(json, path, true);
    switch (text.model_type ?? 'mistral') {
      case 'mistral':
        return parseLlamaFamily(mistralSettings, fields, place);
      case 'ministral3':
        return parseLlamaFamily(ministral3Settings, fields, place);
      default: {
        const architecture = `mistral3 with text_config.model_type = ${text.model_type}`;
        const supported = ['mistral', 'ministral3'];
        throw new EspalierError('MODEL_ARCHITECTURE_UNSUPPORTED', { path, architecture, supported });
      }
    }
  },
  rename: (name) =>
    name.replace(/^language_model\.model\./, 'model.language_model.').replace(/^language_model\.lm_head/, 'lm_head'),
  isForeign: (name) => /^(model\.)?(vision_tower|multi_modal_projector)\./.test(name),
};
