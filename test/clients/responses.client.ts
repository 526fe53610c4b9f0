import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { apiKey, history, renderedHistory, serveAll, type Served } from './serve.ts';

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

const { call } = history;
const input: OpenAI.Responses.ResponseInputItem[] = [
  { role: 'developer', content: history.system },
  { role: 'user', content: [{ type: 'input_text', text: history.question }] },
  { type: 'function_call', call_id: call.id, name: call.name, arguments: JSON.stringify(call.arguments) },
  { type: 'function_call_output', call_id: call.id, output: history.result },
  { role: 'assistant', content: history.answer },
  { role: 'user', content: history.next },
];
const asked = { model: 'base', input, max_output_tokens: 6, temperature: 0 } as const;

describe('a response', () => {
  it('is read from a history with calls and results, as a chat is', async () => {
    const response = await client.responses.create(asked);
    expect(served.prompt()).toBe(renderedHistory);
    expect([response.status, response.usage?.input_tokens]).toEqual(['incomplete', served.last()?.tokens.length]);
    expect(response.output_text.length).toBeGreaterThan(0);
  });

  it('takes instructions as the system', async () => {
    await client.responses.create({ ...asked, instructions: history.system, input: input.slice(1) });
    expect(served.prompt()).toBe(renderedHistory);
  });

  it('is the same as a stream', async () => {
    const whole = await client.responses.create(asked);
    const stream = await client.responses.create({ ...asked, stream: true });
    let [text, last]: [string, OpenAI.Responses.Response | undefined] = ['', undefined];
    const numbers: number[] = [];
    for await (const event of stream) {
      numbers.push(event.sequence_number);
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.incomplete') last = event.response;
    }
    expect(numbers).toEqual(numbers.map((_, place) => place));
    expect([text, last?.usage]).toEqual([whole.output_text, whole.usage]);
  });

  it('is gathered by the helper, which checks every event', async () => {
    const whole = await client.responses.create(asked);
    const gathered = await client.responses.stream(asked).finalResponse();
    expect([gathered.output_text, gathered.status]).toEqual([whole.output_text, whole.status]);
  });

  it('has the form of a schema, and is parsed by the helper', async () => {
    const schema = z.object({ mood: z.enum(['calm', 'angry']), score: z.int().min(1).max(5) });
    const format = zodTextFormat(schema, 'mood');
    const options = { ...asked, max_output_tokens: 60, temperature: 2, text: { format } };
    const parsed = await client.responses.parse(options);
    expect(schema.parse(parsed.output_parsed)).toEqual(parsed.output_parsed);
    const streamed = await client.responses.stream(options).finalResponse();
    expect(schema.parse(streamed.output_parsed)).toEqual(streamed.output_parsed);
  });

  it('has the log-probabilities of its text', async () => {
    const response = await client.responses.create({
      ...asked,
      include: ['message.output_text.logprobs'],
      top_logprobs: 2,
    });
    const [message] = response.output;
    const part = message?.type === 'message' ? message.content[0] : undefined;
    const logprobs = part?.type === 'output_text' ? (part.logprobs ?? []) : [];
    expect(logprobs).toHaveLength(6);
    expect(logprobs.map(({ token }) => token).join('')).toBe(response.output_text);
    expect(logprobs[0]?.top_logprobs).toHaveLength(2);
  });
});

describe('a conversation', () => {
  it('goes on from a response that is kept', async () => {
    const first = await client.responses.create(asked);
    await client.responses.create({ ...asked, input: 'x', previous_response_id: first.id });
    expect(served.prompt()).toBe(`${renderedHistory}${first.output_text}[user]x[assistant]`);
  });

  it('goes on with the output as it came', async () => {
    const first = await client.responses.create({ ...asked, store: false });
    // WHY: the types of the client know output items that are no input.
    const output = first.output as OpenAI.Responses.ResponseInputItem[];
    await client.responses.create({ ...asked, input: [...input, ...output, { role: 'user', content: 'x' }] });
    expect(served.prompt()).toBe(`${renderedHistory}${first.output_text}[user]x[assistant]`);
  });

  it('can be read, listed and dropped', async () => {
    const { id } = await client.responses.create(asked);
    const kept = await client.responses.retrieve(id);
    expect([kept.id, kept.output_text.length > 0]).toEqual([id, true]);
    const items: string[] = [];
    for await (const { type } of client.responses.inputItems.list(id, { limit: 2, order: 'asc' })) items.push(type);
    expect(items).toEqual(['message', 'message', 'function_call', 'function_call_output', 'message', 'message']);
    await expect(client.responses.cancel(id)).rejects.toThrow(OpenAI.BadRequestError);
    await client.responses.delete(id);
    await expect(client.responses.retrieve(id)).rejects.toThrow(OpenAI.NotFoundError);
    const goesOn = client.responses.create({ ...asked, previous_response_id: id });
    await expect(goesOn).rejects.toMatchObject({ status: 400, code: 'previous_response_not_found' });
  });
});

type Fields = Required<OpenAI.Responses.ResponseCreateParamsNonStreaming>;

/**
 * Every field that the client knows, besides those of `asked`, with a value that asks for nothing. A field that a newer client has must
 * be thought about before this compiles.
 */
const harmless: Omit<
  Fields,
  keyof typeof asked | 'background_options' | 'image' | 'previous_response_id' | 'tool_choice' | 'tools'
> = {
  access_programs: { cyber: 'standard' },
  background: false,
  context_management: null,
  conversation: null,
  include: [],
  instructions: null,
  max_tool_calls: 3,
  metadata: { run: '7' },
  moderation: null,
  parallel_tool_calls: true,
  prompt: null,
  prompt_cache_key: 'k',
  prompt_cache_options: { mode: 'implicit' },
  prompt_cache_retention: '24h',
  reasoning: { effort: 'low', summary: 'auto' },
  safety_identifier: 'acme',
  service_tier: 'auto',
  store: true,
  stream: false,
  stream_options: { include_obfuscation: false },
  text: { format: { type: 'text' }, verbosity: 'low' },
  top_logprobs: 0,
  top_p: 1,
  truncation: 'disabled',
  user: 'anna',
};

it('takes every field of the client', async () => {
  const plain = await client.responses.create(asked);
  const response = await client.responses.create({ ...asked, ...harmless });
  expect(response.output_text).toBe(plain.output_text);
  expect(served.last()?.user).toBe('acme');
});

describe('errors', () => {
  it.each<[string, () => Promise<unknown>, abstract new (...given: never[]) => unknown, object]>([
    [
      'an unknown model',
      () => client.responses.create({ ...asked, model: 'other' }),
      OpenAI.NotFoundError,
      { code: 'model_not_found' },
    ],
    [
      'a field that is wrong',
      () => client.responses.create({ ...asked, temperature: 3 }),
      OpenAI.BadRequestError,
      { param: 'temperature' },
    ],
    [
      'an answer that does not fit',
      () => client.responses.create({ ...asked, max_output_tokens: 512 }),
      OpenAI.BadRequestError,
      { code: 'context_length_exceeded', param: 'max_output_tokens' },
    ],
    [
      'a tool that is not run here',
      () => client.responses.create({ ...asked, tools: [{ type: 'web_search' }] }),
      OpenAI.BadRequestError,
      { param: 'tools.0.type' },
    ],
  ])("are the client's own: %s", async (_, ask, kind, told) => {
    const refused = ask();
    await expect(refused).rejects.toThrow(kind);
    await expect(refused).rejects.toMatchObject(told);
  });

  it('tell a full queue', async () => {
    served.isFull = true;
    await expect(client.responses.create(asked)).rejects.toThrow(OpenAI.RateLimitError);
  });

  it('are none of a client that goes away: its generation ends', async () => {
    const stream = await client.responses.create({ ...asked, max_output_tokens: 300, stream: true });
    for await (const event of stream) if (event.type === 'response.output_text.delta') break;
    await expect.poll(() => served.last()?.signal?.aborted).toBe(true);
  });
});
