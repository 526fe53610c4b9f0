import { z } from 'zod';

import { parseWith } from '../../parse-with.ts';

const multimodal = z.looseObject({
  text_config: z.looseObject({ tie_word_embeddings: z.boolean().nullish() }).nullish(),
  tie_word_embeddings: z.boolean().nullish(),
});

/**
 * The fields of the text part of a network that also reads images or sound. Whether the head is tied to the embeddings is said by the whole
 * network, as in transformers: files exist whose text part says otherwise.
 *
 * @param json the whole config.json.
 * @param tied what holds where the file does not say it for the whole network; undefined: what the text part says.
 */
export function textPart(json: unknown, path: string, tied?: boolean): Readonly<Record<string, unknown>> {
  const { text_config: text, tie_word_embeddings: whole } = parseWith(multimodal, json, path);
  return { ...text, tie_word_embeddings: whole ?? tied ?? text?.tie_word_embeddings };
}
