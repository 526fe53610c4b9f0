import type { AnswerClient } from '../../http/index.ts';
import type { LocalModel } from '../../library/index.ts';
import { messagesOf } from './conversation.ts';
import type { Answerer } from './talk.ts';

/** Tokens of an answer in this process for which no limit is set. The library cuts it to what the context has room for. */
const longestLocalAnswer = 512;

/** Answers by a model in this process. */
export function localAnswerer(model: LocalModel): Answerer {
  return {
    isServer: false,
    known: async () => model.adapters.map(({ name }) => name),
    async *answer(conversation, signal) {
      const { adapters, drawing } = conversation;
      const maxTokens = drawing.maxTokens ?? longestLocalAnswer;
      const messages = messagesOf(conversation);
      const pieces = model.stream({ messages, adapter: adapters, ...drawing, maxTokens, signal });
      for await (const { text } of pieces) if (text !== '') yield text;
    },
  };
}

/**
 * Answers by an OpenAI-compatible server, each of whose models can be chosen. WHY no limit of tokens unless one is set: servers refuse
 * a limit beyond what their context has room for behind the prompt, which is not known here, and their own default fits.
 */
export function remoteAnswerer(client: AnswerClient, signal: AbortSignal): Answerer {
  return {
    isServer: true,
    known: () => client.models(signal),
    answer({ model, drawing, ...conversation }, ending) {
      const { temperature, topP, maxTokens } = drawing;
      const messages = messagesOf(conversation);
      const body = { model, messages, temperature, top_p: topP, max_tokens: maxTokens };
      return client.ask({ api: 'chat', body, signal: AbortSignal.any([signal, ending]) });
    },
  };
}
