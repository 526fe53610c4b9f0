import {
  AIMessage,
  HumanMessage,
  SystemMessage,
  ToolMessage,
  type AIMessageChunk,
  type UsageMetadata,
} from '@langchain/core/messages';
import { ChatOpenAI, OpenAI, OpenAIEmbeddings, type ChatOpenAIFields } from '@langchain/openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apiKey, history, renderedHistory, rounded, serveAll, type Served } from './serve.ts';

let all: Served;
let served: Served['tools'];

beforeAll(async () => {
  all = await serveAll();
  served = all.tools;
});
afterEach(() => {
  served.isFull = false;
});
afterAll(() => all[Symbol.asyncDispose]());

const { call } = history;
const messages = [
  new SystemMessage(history.system),
  new HumanMessage({ content: [{ type: 'text', text: history.question }] }),
  new AIMessage({ content: '', tool_calls: [{ id: call.id, name: call.name, args: call.arguments }] }),
  new ToolMessage({ tool_call_id: call.id, name: call.name, content: history.result }),
  new AIMessage(history.answer),
  new HumanMessage(history.next),
];

function modelOf(fields: ChatOpenAIFields, baseURL = served.baseURL): ChatOpenAI {
  const common = { model: 'base', apiKey, temperature: 0, maxTokens: 6, maxRetries: 0 };
  return new ChatOpenAI({ ...common, configuration: { baseURL }, ...fields });
}

/** WHY a function: the type of an answer depends on a structure of messages that a plain chat does not name. */
function usageOf(message: object | undefined): UsageMetadata | undefined {
  return (message as { usage_metadata?: UsageMetadata } | undefined)?.usage_metadata;
}

describe.each([
  ['chat completions', false],
  ['the Responses API', true],
] as const)('ChatOpenAI with %s', (_api, useResponsesApi) => {
  const model = (fields: ChatOpenAIFields = {}, baseURL?: string): ChatOpenAI =>
    modelOf({ useResponsesApi, ...fields }, baseURL);

  it('sends a history that is rendered by the template, with calls and results', async () => {
    const answer = await model().invoke(messages);
    expect(served.prompt()).toBe(renderedHistory);
    expect(usageOf(answer)?.input_tokens).toBe(served.last()?.tokens.length);
  });

  it('goes on with the answer as it came', async () => {
    const answer = await model().invoke(messages);
    await model().invoke([...messages, answer, new HumanMessage('x')]);
    expect(served.prompt()).toBe(`${renderedHistory}${answer.text}[user]x[assistant]`);
  });

  it('streams the same answer, and the usage at the end', async () => {
    const whole = await model().invoke(messages);
    let gathered: AIMessageChunk | undefined;
    for await (const chunk of await model().stream(messages)) gathered = gathered ? gathered.concat(chunk) : chunk;
    expect(gathered?.text).toBe(whole.text);
    expect(usageOf(gathered)?.total_tokens).toBe(usageOf(whole)?.total_tokens);
  });

  it('ends the generation when it goes away', async () => {
    const controller = new AbortController();
    const read = async (): Promise<void> => {
      const stream = await model({ maxTokens: 300 }).stream(messages, { signal: controller.signal });
      for await (const _ of stream) controller.abort();
    };
    await expect(read()).rejects.toThrow(/abort/i);
    await expect.poll(() => served.last()?.signal?.aborted).toBe(true);
  });

  it('is answered where the template writes no calls, which are then words', async () => {
    const { text } = await model({}, all.plain.baseURL).invoke(messages);
    expect(text).toEqual(expect.stringMatching(/\S/));
  });

  it.each<[string, ChatOpenAIFields, object]>([
    ['an unknown model', { model: 'other' }, { status: 404, lc_error_code: 'MODEL_NOT_FOUND' }],
    ['a field that is wrong', { temperature: 3 }, { status: 400, param: 'temperature' }],
    ['another key', { apiKey: 'other' }, { status: 401, lc_error_code: 'MODEL_AUTHENTICATION' }],
    ['an answer that does not fit', { maxTokens: 512 }, { name: 'ContextOverflowError' }],
  ])('tells errors as its own: %s', async (_, fields, told) => {
    await expect(model(fields).invoke(messages)).rejects.toMatchObject(told);
  });

  it('tells a prompt that is too long as its own error', async () => {
    const refused = model().invoke('word '.repeat(2000));
    await expect(refused).rejects.toMatchObject({ name: 'ContextOverflowError' });
    await expect(model().invoke('word '.repeat(100_000))).rejects.toMatchObject({ name: 'ContextOverflowError' });
  });

  it('tells a full queue as its own error', async () => {
    served.isFull = true;
    await expect(model().invoke(messages)).rejects.toMatchObject({ status: 429, lc_error_code: 'MODEL_RATE_LIMIT' });
  });
});

it('goes on from a text', async () => {
  const fields = { model: 'base', apiKey, temperature: 0, maxTokens: 6, maxRetries: 0 };
  const text = await new OpenAI({ ...fields, configuration: { baseURL: served.baseURL } }).invoke('Dear customer,');
  expect(served.prompt()).toContain('Dear customer,');
  expect(text.length).toBeGreaterThan(0);
});

it('gets the vectors of the reference', async () => {
  const { baseURL, texts } = all.encoder;
  const embeddings = new OpenAIEmbeddings({ model: 'encoder', apiKey, maxRetries: 0, configuration: { baseURL } });
  const vectors = await embeddings.embedDocuments(texts.map(({ text }) => text));
  expect(rounded(vectors)).toEqual(rounded(texts.map(({ embedding }) => embedding)));
  const refused = embeddings.embedQuery('good '.repeat(200));
  await expect(refused).rejects.toMatchObject({ name: 'ContextOverflowError' });
});
