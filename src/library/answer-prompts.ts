import { definedOnly, EspalierError } from '../core/index.ts';
import { openBaseModel } from '../models/index.ts';
import type { AnswerPrompts } from '../train/index.ts';
import { loadModel } from './load-model.ts';
import type { LocalModel } from './local-model.ts';

/** WHY not the model's own: samples are short, and the keys and values of a long context take memory that the training needs. */
const mostTokens = 2048;

/**
 * Answers sample prompts as the model would when it serves, always with the most likely token. A prompt is what a user says, or a text
 * to go on with where there is no chat template.
 *
 * @throws EspalierError the errors of `loadModel` and of its calls; the signal's reason
 */
export const answerPrompts: AnswerPrompts = async (asked, prompts) => {
  const { base, adapter, maxTokens, signal, chatTemplate } = asked;
  const { config } = await openBaseModel(base);
  // A given template stands before the adapter's own.
  const template = chatTemplate === undefined ? asked.template : 'base';
  await using model = await loadModel(base, {
    maxSlots: 1,
    prefixCache: 0,
    maxLength: Math.min(config.maxPositions, mostTokens),
    ...(adapter !== undefined && { adapters: { sampled: adapter } }),
    ...definedOnly({ anyBase: asked.anyBase, chatTemplate, template, signal }),
  });
  const call = { maxTokens, ...definedOnly({ signal, adapter: adapter && 'sampled' }) };
  const texts: string[] = [];
  for (const prompt of prompts) texts.push(await answerTo(model, prompt, call));
  return texts;
};

interface Call {
  readonly maxTokens: number;
  readonly signal?: AbortSignal;
  readonly adapter?: string;
}

async function answerTo(model: LocalModel, prompt: string, call: Call): Promise<string> {
  try {
    return (await model.chat({ messages: [{ role: 'user', content: prompt }], ...call })).text;
  } catch (error) {
    if (!EspalierError.isInstance(error) || error.code !== 'CHAT_TEMPLATE_MISSING') throw error;
    return (await model.generate({ prompt, ...call })).text;
  }
}
