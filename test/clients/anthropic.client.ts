import Anthropic from '@anthropic-ai/sdk';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apiKey, history, renderedHistory, serveAll, type Served } from './serve.ts';

let all: Served;
let served: Served['tools'];
let client: Anthropic;

beforeAll(async () => {
  all = await serveAll();
  served = all.tools;
  client = clientOf(served.baseURL);
});
afterEach(() => {
  served.isFull = false;
});
afterAll(() => all[Symbol.asyncDispose]());

/** The base URL of this client ends before `/v1`. */
function clientOf(url: string, key = apiKey): Anthropic {
  return new Anthropic({ baseURL: url.replace(/\/v1$/, ''), apiKey: key, authToken: null, maxRetries: 0 });
}

const { call } = history;
const messages: Anthropic.MessageParam[] = [
  { role: 'user', content: [{ type: 'text', text: history.question, cache_control: { type: 'ephemeral' } }] },
  { role: 'assistant', content: [{ type: 'tool_use', id: call.id, name: call.name, input: call.arguments }] },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: history.result }] },
  { role: 'assistant', content: history.answer },
  { role: 'user', content: history.next },
];
const chat = { model: 'base', system: history.system, messages, max_tokens: 6, temperature: 0 };

/** The client knows no temperature any more; its users send it all the same. */
const tooHot: typeof chat = Object.assign({ ...chat }, { temperature: 1.5 } as object);

/** The text of a message. */
function textOf({ content }: Anthropic.Message): string {
  return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

/** Tokens that were read from a cache are counted apart. */
function promptTokensOf({ usage }: Anthropic.Message): number {
  return usage.input_tokens + (usage.cache_read_input_tokens ?? 0);
}

describe('a conversation', () => {
  it('is rendered by the template, with calls and results', async () => {
    const { data: answer, request_id: id } = await client.messages.create(chat).withResponse();
    expect(served.prompt()).toBe(renderedHistory);
    expect(answer).toMatchObject({ type: 'message', role: 'assistant', model: 'base', stop_reason: 'max_tokens' });
    expect([promptTokensOf(answer), answer.usage.output_tokens]).toEqual([served.last()?.tokens.length, 6]);
    expect(answer.id).toMatch(/^msg_/);
    expect(id).toMatch(/^[\da-f-]{36}$/);
  });

  it('is streamed to the same message, through the events and through the helper', async () => {
    const whole = await client.messages.create(chat);
    const told: string[] = [];
    let text = '';
    for await (const event of await client.messages.create({ ...chat, stream: true })) {
      if (event.type !== told.at(-1)) told.push(event.type);
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text;
    }
    expect(text).toBe(textOf(whole));
    // The client takes pings for itself.
    expect(told).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    const words: string[] = [];
    const stream = client.messages.stream(chat).on('text', (word) => words.push(word));
    const gathered = await stream.finalMessage();
    expect({ ...gathered, parsed_output: undefined }).toMatchObject({ content: whole.content });
    expect(promptTokensOf(gathered)).toBe(promptTokensOf(whole));
    expect([words.join(''), gathered.stop_reason]).toEqual([textOf(whole), whole.stop_reason]);
  });

  it('is counted without an answer', async () => {
    const { max_tokens: _most, temperature: _temperature, ...prompt } = chat;
    const answer = await client.messages.create(chat);
    expect(await client.messages.countTokens(prompt)).toEqual({ input_tokens: promptTokensOf(answer) });
  });

  it('goes on with the answer as it came', async () => {
    const first = await client.messages.create(chat);
    const next: Anthropic.MessageParam[] = [...messages, { role: 'assistant', content: first.content }];
    await client.messages.create({ ...chat, messages: [...next, { role: 'user', content: 'x' }] });
    expect(served.prompt()).toBe(`${renderedHistory}${textOf(first)}[user]x[assistant]`);
  });

  it('is run without an answer where it is to have no tokens', async () => {
    const answer = await client.messages.create({ ...chat, max_tokens: 0 });
    expect(answer).toMatchObject({ content: [], stop_reason: 'max_tokens', usage: { output_tokens: 0 } });
  });

  it('ends at a stop sequence, which is named', async () => {
    const whole = textOf(await client.messages.create(chat));
    const stop = whole.slice(Math.ceil(whole.length / 2));
    const cut = await client.messages.create({ ...chat, stop_sequences: ['\u0000', stop] });
    expect(cut).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: stop });
    expect(textOf(cut)).toBe(whole.slice(0, whole.indexOf(stop)));
  });

  it('is answered where the template writes no calls, which are then words', async () => {
    expect(textOf(await clientOf(all.plain.baseURL).messages.create(chat))).toMatch(/./);
  });
});

describe('errors', () => {
  it.each<[string, () => Promise<unknown>, new (...given: never) => Error, string]>([
    [
      'an unknown model',
      () => client.messages.create({ ...chat, model: 'other' }),
      Anthropic.NotFoundError,
      'not_found_error',
    ],
    ['a field that is wrong', () => client.messages.create(tooHot), Anthropic.BadRequestError, 'invalid_request_error'],
    [
      'another key',
      () => clientOf(served.baseURL, 'other').messages.create(chat),
      Anthropic.AuthenticationError,
      'authentication_error',
    ],
    [
      'a prompt that is too long',
      () => client.messages.create({ ...chat, messages: [{ role: 'user', content: 'word '.repeat(2000) }] }),
      Anthropic.BadRequestError,
      'invalid_request_error',
    ],
    [
      'a stream of an unknown model',
      () => client.messages.stream({ ...chat, model: 'other' }).finalMessage(),
      Anthropic.NotFoundError,
      'not_found_error',
    ],
  ])("are the client's own: %s", async (_, ask, kind, type) => {
    const asked = ask();
    await expect(asked).rejects.toThrow(kind);
    await expect(asked).rejects.toMatchObject({ type, requestID: expect.stringMatching(/^[\da-f-]{36}$/) });
  });

  it('say when to come again', async () => {
    served.isFull = true;
    const error: unknown = await client.messages.create(chat).catch((caught: unknown) => caught);
    if (!(error instanceof Anthropic.RateLimitError))
      throw new Error('It is no refusal of this kind', { cause: error });
    expect([error.headers.get('retry-after'), error.type]).toEqual(['7', 'rate_limit_error']);
  });

  it('are none of a client that goes away: its generation ends', async () => {
    const stream = client.messages.stream({ ...chat, max_tokens: 300 });
    stream.on('text', () => stream.abort());
    await expect(stream.finalMessage()).rejects.toThrow(Anthropic.APIUserAbortError);
    await expect.poll(() => served.last()?.signal?.aborted).toBe(true);
  });

  it('are none of a key that comes as a bearer token', async () => {
    const { baseURL } = client;
    const other = new Anthropic({ baseURL, apiKey: null, authToken: apiKey, maxRetries: 0 });
    expect((await other.messages.create(chat)).type).toBe('message');
  });
});
