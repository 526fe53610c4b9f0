import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, embedMany, generateText, streamText, Output, type LanguageModel, type ModelMessage } from 'ai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
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
const messages: ModelMessage[] = [
  { role: 'user', content: [{ type: 'text', text: history.question }] },
  {
    role: 'assistant',
    content: [{ type: 'tool-call', toolCallId: call.id, toolName: call.name, input: call.arguments }],
  },
  {
    role: 'tool',
    content: [
      {
        type: 'tool-result',
        toolCallId: call.id,
        toolName: call.name,
        output: { type: 'json', value: JSON.parse(history.result) as { celsius: number } },
      },
    ],
  },
  { role: 'assistant', content: history.answer },
  { role: 'user', content: history.next },
];

interface Access {
  readonly baseURL: string;
  readonly apiKey: string;
}

/** The ways in which the AI SDK speaks to such a server. */
const providers: [name: string, model: (access: Access, id?: string) => LanguageModel][] = [
  ['@ai-sdk/openai, by default', (access, id = 'base') => createOpenAI(access)(id)],
  ['@ai-sdk/openai, chat', (access, id = 'base') => createOpenAI(access).chat(id)],
  [
    '@ai-sdk/openai-compatible',
    (access, id = 'base') => createOpenAICompatible({ name: 'espalier', includeUsage: true, ...access })(id),
  ],
];

describe.each(providers)('%s', (_, modelOf) => {
  const asked = (given: Partial<Access> & { id?: string } = {}) => ({
    model: modelOf({ baseURL: served.baseURL, apiKey, ...given }, given.id),
    system: history.system,
    messages,
    maxOutputTokens: 6,
    temperature: 0,
    maxRetries: 0,
  });

  it('sends a history that is rendered by the template, with calls and results', async () => {
    const { text, usage } = await generateText(asked());
    expect(served.prompt()).toBe(renderedHistory);
    expect(text.length).toBeGreaterThan(0);
    expect(usage.inputTokens).toBe(served.last()?.tokens.length);
  });

  it('streams the same answer, and the usage at the end', async () => {
    const whole = await generateText(asked());
    const streamed = streamText(asked());
    expect(await streamed.text).toBe(whole.text);
    expect(await streamed.finishReason).toBe(whole.finishReason);
    expect((await streamed.usage).totalTokens).toBe(whole.usage.totalTokens);
  });

  it('ends the generation when it goes away', async () => {
    const controller = new AbortController();
    const options = { ...asked(), maxOutputTokens: 300, abortSignal: controller.signal };
    for await (const _ of streamText(options).textStream) controller.abort();
    await expect.poll(() => served.last()?.signal?.aborted).toBe(true);
  });

  it('is answered where the template writes no calls, which are then words', async () => {
    const { text } = await generateText(asked({ baseURL: all.plain.baseURL }));
    expect(text).toMatch(/./);
  });

  it.each<[string, () => object, object]>([
    ['an unknown model', () => asked({ id: 'other' }), { statusCode: 404, isRetryable: false }],
    ['a field that is wrong', () => ({ ...asked(), temperature: 3 }), { statusCode: 400, isRetryable: false }],
    ['another key', () => asked({ apiKey: 'other' }), { statusCode: 401, isRetryable: false }],
    ['an answer that does not fit', () => ({ ...asked(), maxOutputTokens: 512 }), { statusCode: 400 }],
  ])('tells errors as its own: %s', async (_what, options, told) => {
    const refused = generateText(options() as Parameters<typeof generateText>[0]);
    await expect(refused).rejects.toThrow(APICallError);
    await expect(refused).rejects.toMatchObject(told);
  });

  it('tells a full queue as what may be tried again', async () => {
    served.isFull = true;
    const refused = generateText(asked());
    await expect(refused).rejects.toMatchObject({
      statusCode: 429,
      isRetryable: true,
      responseHeaders: { 'retry-after': '7' },
    });
  });
});

const structured: [string, (access: Access) => LanguageModel][] = [
  ['the Responses API', (access) => createOpenAI(access)('base')],
  ['chats', (access) => createOpenAI(access).chat('base')],
  [
    'chats of a compatible provider',
    (access) => createOpenAICompatible({ name: 'espalier', supportsStructuredOutputs: true, ...access })('base'),
  ],
];

it.each(structured)('gets an object of a schema from %s, whole and streamed', async (_, modelOf) => {
  const model = modelOf({ baseURL: served.baseURL, apiKey });
  const schema = z.object({ mood: z.enum(['calm', 'angry']), score: z.int().min(1).max(5) });
  const options = { model, prompt: 'x', output: Output.object({ schema }), temperature: 2, maxRetries: 0 };
  const { output } = await generateText(options);
  expect(schema.parse(output)).toEqual(output);
  const streamed = await streamText(options).output;
  expect(schema.parse(streamed)).toEqual(streamed);
});

it('gets the vectors of the reference', async () => {
  const { baseURL, texts } = all.encoder;
  const values = texts.map(({ text }) => text);
  for (const model of [
    createOpenAI({ baseURL, apiKey }).embedding('encoder'),
    createOpenAICompatible({ name: 'espalier', baseURL, apiKey }).embeddingModel('encoder'),
  ]) {
    const { embeddings } = await embedMany({ model, values, maxRetries: 0 });
    expect(rounded(embeddings)).toEqual(rounded(texts.map(({ embedding }) => embedding)));
  }
});
