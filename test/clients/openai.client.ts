import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { apiKey, history, renderedHistory, rounded, serveAll, type Served } from './serve.ts';

let all: Served;
let served: Served['tools'];
let client: OpenAI;

beforeAll(async () => {
  all = await serveAll();
  served = all.tools;
  client = new OpenAI({ baseURL: served.baseURL, apiKey, maxRetries: 0 });
});
afterEach(() => {
  served.isFull = false;
});
afterAll(() => all[Symbol.asyncDispose]());

type Messages = OpenAI.Chat.ChatCompletionMessageParam[];
const { call } = history;
const messages: Messages = [
  { role: 'system', content: history.system },
  { role: 'user', content: [{ type: 'text', text: history.question }] },
  {
    role: 'assistant',
    content: null,
    refusal: null,
    tool_calls: [
      { id: call.id, type: 'function', function: { name: call.name, arguments: JSON.stringify(call.arguments) } },
    ],
  },
  { role: 'tool', tool_call_id: call.id, content: history.result },
  { role: 'assistant', content: history.answer, refusal: null, annotations: [] } as Messages[number],
  { role: 'user', content: history.next },
];
const chat = { model: 'base', messages, max_tokens: 6, temperature: 0 } as const;

describe('the history of a chat', () => {
  it('is rendered by the template, with calls and results', async () => {
    const answer = await client.chat.completions.create(chat);
    expect(served.prompt()).toBe(renderedHistory);
    expect(answer.choices[0]?.message.role).toBe('assistant');
    expect(answer.usage?.prompt_tokens).toBe(served.last()?.tokens.length);
  });

  it('has the role developer, which is the system', async () => {
    await client.chat.completions.create({
      ...chat,
      messages: [{ role: 'developer', content: history.system }, ...messages.slice(1)],
    });
    expect(served.prompt()).toBe(renderedHistory);
  });

  it('goes on with the answer as it came', async () => {
    const { choices } = await client.chat.completions.create(chat);
    const [first] = choices;
    if (!first) throw new Error('No choice');
    await client.chat.completions.create({
      ...chat,
      messages: [...messages, first.message, { role: 'user', content: 'x' }],
    });
    expect(served.prompt()).toBe(`${renderedHistory}${first.message.content ?? ''}[user]x[assistant]`);
  });

  it('streams the same answer, and the usage at the end', async () => {
    const whole = await client.chat.completions.create(chat);
    const stream = await client.chat.completions.create({
      ...chat,
      stream: true,
      stream_options: { include_usage: true, include_obfuscation: false },
    });
    let [text, usage]: [string, unknown] = ['', undefined];
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect([text, usage]).toEqual([whole.choices[0]?.message.content, whole.usage]);
  });

  it('is answered through the helper that gathers a stream', async () => {
    const whole = await client.chat.completions.create(chat);
    const gathered = await client.chat.completions.stream(chat).finalChatCompletion();
    expect(gathered.choices[0]?.message).toMatchObject({
      role: 'assistant',
      content: whole.choices[0]?.message.content,
    });
    expect(gathered.choices[0]?.finish_reason).toBe(whole.choices[0]?.finish_reason);
  });

  it('is answered where the template writes no calls, which are then words', async () => {
    const other = new OpenAI({ baseURL: all.plain.baseURL, apiKey, maxRetries: 0 });
    const { choices } = await other.chat.completions.create(chat);
    expect(choices[0]?.message.content).toMatch(/./);
  });
});

type Fields = Required<OpenAI.Chat.ChatCompletionCreateParamsNonStreaming>;

/**
 * Every field that the client knows, besides those of `chat`, with a value that asks for nothing. A field that a newer client has must
 * be thought about before this compiles.
 */
const harmless: Omit<Fields, keyof typeof chat | 'moderation' | 'function_call'> = {
  audio: null,
  frequency_penalty: 0,
  functions: [],
  logit_bias: {},
  logprobs: false,
  max_completion_tokens: null,
  metadata: { run: '7' },
  modalities: ['text'],
  n: 1,
  parallel_tool_calls: true,
  prediction: { type: 'content', content: 'x' },
  presence_penalty: 0,
  prompt_cache_key: 'k',
  prompt_cache_options: { ttl: '30m' },
  prompt_cache_retention: '24h',
  reasoning_effort: 'low',
  response_format: { type: 'text' },
  safety_identifier: 'ann',
  seed: 1,
  service_tier: 'auto',
  stop: [],
  store: false,
  stream: false,
  stream_options: null,
  tool_choice: 'none',
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  user: 'ann',
  verbosity: 'low',
  web_search_options: {},
};

it('is given an object of a schema, whole and streamed', async () => {
  const schema = z.object({ mood: z.enum(['calm', 'angry']), score: z.int().min(1).max(5) });
  const options = { ...chat, max_tokens: 60, temperature: 2, response_format: zodResponseFormat(schema, 'mood') };
  const [choice] = (await client.chat.completions.parse(options)).choices;
  expect(schema.parse(choice?.message.parsed)).toEqual(choice?.message.parsed);
  const [streamed] = (await client.chat.completions.stream(options).finalChatCompletion()).choices;
  expect(schema.parse(streamed?.message.parsed)).toEqual(streamed?.message.parsed);
});

describe('what clients send along', () => {
  it('changes nothing where no answer depends on it', async () => {
    const plain = await client.chat.completions.create(chat);
    const habitual = await client.chat.completions.create({ ...harmless, ...chat });
    expect(habitual.choices).toEqual(plain.choices);
  });

  it.each<[string, object]>([
    ['audio', { audio: { voice: 'alloy', format: 'wav' } }],
    ['store', { store: true }],
    ['stream_options.include_obfuscation', { stream: true, stream_options: { include_obfuscation: true } }],
  ])('is refused where the answer would depend on it: %s', async (param, fields) => {
    const asked = client.chat.completions.create({ ...chat, ...fields });
    await expect(asked).rejects.toThrow(OpenAI.BadRequestError);
    await expect(asked).rejects.toMatchObject({ code: 'request_unsupported', param });
  });
});

describe('errors', () => {
  it.each<[string, () => Promise<unknown>, new (...given: never) => Error, object]>([
    [
      'an unknown model',
      () => client.chat.completions.create({ ...chat, model: 'other' }),
      OpenAI.NotFoundError,
      { code: 'model_not_found', type: 'not_found_error' },
    ],
    [
      'a field that is wrong',
      () => client.chat.completions.create({ ...chat, temperature: 3 }),
      OpenAI.BadRequestError,
      { code: 'request_invalid', param: 'temperature' },
    ],
    [
      'another key',
      () => client.withOptions({ apiKey: 'other' }).chat.completions.create(chat),
      OpenAI.AuthenticationError,
      { code: 'invalid_api_key' },
    ],
    [
      'a prompt that is too long',
      () => client.chat.completions.create({ ...chat, messages: [{ role: 'user', content: 'word '.repeat(2000) }] }),
      OpenAI.BadRequestError,
      { code: 'context_length_exceeded' },
    ],
    [
      'an answer that does not fit',
      () => client.chat.completions.create({ ...chat, max_tokens: 512 }),
      OpenAI.BadRequestError,
      { code: 'context_length_exceeded', param: 'max_tokens' },
    ],
    [
      'another method',
      () => client.get('/chat/completions'),
      OpenAI.APIError,
      { status: 405, code: 'method_not_allowed' },
    ],
    [
      'another API',
      () => client.images.generate({ model: 'base', prompt: 'x' }),
      OpenAI.NotFoundError,
      { code: 'route_not_found' },
    ],
  ])("are the client's own: %s", async (_, ask, kind, told) => {
    const asked = ask();
    await expect(asked).rejects.toThrow(kind);
    await expect(asked).rejects.toMatchObject(told);
  });

  it('say when to come again', async () => {
    served.isFull = true;
    const error: unknown = await client.chat.completions.create(chat).catch((caught: unknown) => caught);
    if (!(error instanceof OpenAI.RateLimitError)) throw new Error('It is no refusal of this kind', { cause: error });
    expect(error.headers.get('retry-after')).toBe('7');
  });

  it('are none of a client that goes away: its generation ends', async () => {
    const stream = await client.chat.completions.create({ ...chat, max_tokens: 300, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    await expect.poll(() => served.last()?.signal?.aborted).toBe(true);
  });
});

describe('other routes', () => {
  it('list the models', async () => {
    expect((await client.models.list()).data).toMatchObject([{ id: 'base', object: 'model' }]);
    expect(await client.models.retrieve('base')).toMatchObject({ id: 'base' });
  });

  it('give the vectors of the reference, as numbers and as bytes', async () => {
    const { encoder } = all;
    const other = new OpenAI({ baseURL: encoder.baseURL, apiKey, maxRetries: 0 });
    const input = encoder.texts.map(({ text }) => text);
    for (const format of [undefined, 'float', 'base64'] as const) {
      const body = { model: 'encoder', input, ...(format === undefined ? {} : { encoding_format: format }) };
      const { data } = await other.embeddings.create(body);
      const vectors = data.map(({ embedding }) => vectorOf(embedding));
      expect(rounded(vectors)).toEqual(rounded(encoder.texts.map(({ embedding }) => embedding)));
    }
  });
});

function vectorOf(embedding: number[] | string): number[] {
  if (typeof embedding !== 'string') return embedding;
  const bytes = Buffer.from(embedding, 'base64');
  return Array.from({ length: bytes.length / 4 }, (_, place) => bytes.readFloatLE(4 * place));
}
