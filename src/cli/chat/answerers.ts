import type { AnswerClient } from '../../http/index.ts';
import type { LocalModel } from '../../library/index.ts';
import { messagesOf, type Conversation } from './conversation.ts';
import type { Answerer } from './talk.ts';

/** Answers by a model in this process. */
export function localAnswerer(model: LocalModel): Answerer {
  return {
    isServer: false,
    known: async () => model.adapters.map(({ name }) => name),
    async *answer(conversation, signal) {
      const { adapters, drawing } = conversation;
      const pieces = model.stream({ messages: messagesOf(conversation), adapter: adapters, ...drawing, signal });
      for await (const { text } of pieces) if (text !== '') yield text;
    },
  };
}

/** Answers by an OpenAI-compatible server, each of whose models can be chosen. */
export function remoteAnswerer(client: AnswerClient, signal: AbortSignal): Answerer {
  return {
    isServer: true,
    known: () => client.models(signal),
    answer: (conversation, ending) => piecesOf(client, conversation, AbortSignal.any([signal, ending])),
  };
}

async function* piecesOf(
  client: AnswerClient,
  conversation: Conversation,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const { model, drawing } = conversation;
  const { temperature, topP, maxTokens } = drawing;
  const body = { model, messages: messagesOf(conversation), temperature, top_p: topP, max_tokens: maxTokens };
  const arrived: string[] = [];
  let wake: () => void = () => undefined;
  let isOver = false;
  const ended = client
    .ask({ api: 'chat', body, signal }, ({ text }) => {
      arrived.push(text);
      wake();
    })
    .finally(() => {
      isOver = true;
      wake();
    });
  // WHY noted here: while this waits for a piece, nobody waits for the end yet.
  ended.catch(() => undefined);
  for (;;) {
    yield* arrived.splice(0);
    if (isOver && arrived.length === 0) break;
    if (arrived.length > 0) continue;
    await new Promise<void>((resolve) => (wake = resolve));
  }
  await ended;
}
