import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createApp } from './app.ts';
import { fakeContext, type FakeContext } from './testing/fake-context.ts';

let close: (() => Promise<unknown>) | undefined;
afterEach(() => close?.());

/** A real client of OpenAI's library, speaking to the routes through a socket. */
async function clientOf(context: FakeContext, apiKey = 'none'): Promise<OpenAI> {
  const app = createApp(context, { generation: context });
  close = () => app.close();
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey, maxRetries: 0 });
}

describe('completions', () => {
  it('answers a text with the tokens that were used', async () => {
    const client = await clientOf(fakeContext({ text: 'hi you' }));
    const answer = await client.completions.create({ model: 'base', prompt: 'abc' });
    expect(answer.choices).toMatchObject([{ index: 0, text: 'hi you', finish_reason: 'stop' }]);
    const counts = { prompt_tokens: 3, completion_tokens: 7, total_tokens: 10 };
    expect(answer.usage).toEqual({ ...counts, prompt_tokens_details: { cached_tokens: 0 } });
  });

  it('passes token ids, the adapter and the sampling through as they are', async () => {
    const context = fakeContext({ adapters: ['strict'] });
    const client = await clientOf(context);
    const body = {
      model: 'strict',
      prompt: [5, 6, 7],
      max_tokens: 9,
      temperature: 0.5,
      top_p: 0.9,
      seed: 11,
      top_k: 3,
    };
    await client.completions.create(body);
    expect(context.requests[0]).toMatchObject({
      tokens: [5, 6, 7],
      adapters: [{ lease: { alias: 'strict' } }],
      maxTokens: 9,
      temperature: 0.5,
      topP: 0.9,
      topK: 3,
      seed: 11,
    });
  });

  it('names the version that answers, and the base where there is none', async () => {
    const client = await clientOf(fakeContext({ adapters: ['lenient', 'strict'] }));
    const versionOf = async (model: string): Promise<string | undefined> =>
      (await client.completions.create({ model, prompt: 'a' })).system_fingerprint;
    expect([await versionOf('strict'), await versionOf('base')]).toEqual(['sha-strict', 'base']);
  });

  it('names adapter and version in a header, in the body and in the first chunk of a stream', async () => {
    const context = fakeContext({ adapters: ['strict'], text: 'hi' });
    const app = createApp(context, { generation: context });
    close = () => app.close();
    const ask = (body: object): Promise<{ headers: Record<string, unknown>; body: string }> =>
      app.inject({ method: 'POST', url: '/v1/completions', payload: { prompt: 'abc', ...body } });
    const named = { adapter: 'strict', version: 'sha-strict' };
    const whole = await ask({ model: 'strict' });
    expect(whole.headers).toMatchObject({ 'x-espalier-adapter': 'strict', 'x-espalier-version': 'sha-strict' });
    expect(JSON.parse(whole.body)).toMatchObject({ espalier: named });
    const stream = await ask({ model: 'strict', n: 2, stream: true });
    expect(stream.headers).toMatchObject({ 'x-espalier-version': 'sha-strict' });
    const chunks = [...stream.body.matchAll(/^data: (\{.*)$/gm)].map(([, json = '']) => JSON.parse(json) as object);
    expect(chunks.map((chunk) => ('espalier' in chunk ? chunk.espalier : undefined))).toEqual([
      named,
      ...chunks.slice(1).map(() => undefined),
    ]);
    const base = await ask({ model: 'base' });
    expect([base.headers['x-espalier-adapter'], base.body.includes('espalier')]).toEqual([undefined, false]);
  });

  it('gives n choices for each prompt, each with a seed of its own', async () => {
    const context = fakeContext();
    const client = await clientOf(context);
    const answer = await client.completions.create({ model: 'base', prompt: ['a', 'b'], n: 2, seed: 5 });
    expect(answer.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(context.requests.map(({ tokens, seed }) => [tokens[0], seed])).toEqual([
      [97, 5],
      [97, 6],
      [98, 5],
      [98, 6],
    ]);
  });

  it('ends at a stop string and sends nothing of it', async () => {
    const client = await clientOf(fakeContext({ text: 'one two three' }));
    const answer = await client.completions.create({ model: 'base', prompt: 'a', stop: ' th' });
    expect(answer.choices[0]).toMatchObject({ text: 'one two', finish_reason: 'stop' });
  });

  it('streams the same text, then the usage, then [DONE]', async () => {
    const client = await clientOf(fakeContext({ text: 'hi you' }));
    const stream = await client.completions.create({
      model: 'base',
      prompt: 'abc',
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let usage: unknown;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe('hi you');
    expect(usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 7 });
  });
});

describe('chat completions', () => {
  it('puts the messages through the template of the base', async () => {
    const context = fakeContext({ text: 'Good day.' });
    const client = await clientOf(context);
    const answer = await client.chat.completions.create({
      model: 'base',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }],
    });
    expect(answer.choices[0]?.message.content).toBe('Good day.');
    expect(String.fromCharCode(...(context.requests[0]?.tokens ?? []))).toBe('user: hello\nassistant: ');
  });

  it('streams deltas that begin with the role', async () => {
    const client = await clientOf(fakeContext({ text: 'yes' }));
    const stream = await client.chat.completions.create({
      model: 'base',
      messages: [{ role: 'user', content: 'hello' }],
      stream: true,
    });
    const deltas = [];
    for await (const chunk of stream) deltas.push(chunk.choices[0]?.delta);
    expect(deltas[0]).toMatchObject({ role: 'assistant' });
    expect(deltas.map((delta) => delta?.content ?? '').join('')).toBe('yes');
  });

  it('ends the generation when the client goes away', async () => {
    const context = fakeContext({ text: 'endless' });
    const client = await clientOf(context);
    const stream = await client.chat.completions.create({
      model: 'base',
      messages: [{ role: 'user', content: 'hello' }],
      stream: true,
    });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    await vi.waitFor(() => expect(context.requests[0]?.signal?.aborted).toBe(true));
  });

  it('tells a failure after the first token as an event, which the client throws', async () => {
    const client = await clientOf(fakeContext({ failAfter: 2 }));
    const stream = await client.chat.completions.create({
      model: 'base',
      messages: [{ role: 'user', content: 'hello' }],
      stream: true,
    });
    const read = async (): Promise<void> => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toThrow(/session was used after it was disposed/);
  });
});

describe('models and adapters', () => {
  it('lists the base and its adapters, whose parent is the base', async () => {
    const client = await clientOf(fakeContext({ adapters: ['strict', 'lenient'] }));
    const { data } = await client.models.list();
    expect(data).toMatchObject([
      { id: 'base', parent: null },
      { id: 'strict', parent: 'base', root: '/adapters/strict', version: 'sha-strict' },
      { id: 'lenient', parent: 'base' },
    ]);
  });

  it('answers 404 for an unknown adapter, never the base', async () => {
    const context = fakeContext({ adapters: ['strict'] });
    const client = await clientOf(context);
    await expect(client.completions.create({ model: 'strct', prompt: 'a' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      message: expect.stringContaining('did you mean strict?') as string,
    });
    expect(context.requests).toEqual([]);
  });

  it('loads, refuses to load twice, replaces and unloads with the bodies of vLLM', async () => {
    const client = await clientOf(fakeContext());
    const load = (body: object): Promise<unknown> => client.post('/load_lora_adapter', { body });
    await expect(load({ lora_name: 'x', lora_path: 'x' })).resolves.toMatchObject({ version: 'sha-x' });
    await expect(load({ lora_name: 'x', lora_path: 'x' })).rejects.toMatchObject({ status: 400 });
    await load({ lora_name: 'x', lora_path: 'x', load_inplace: true });
    await client.post('/unload_lora_adapter', { body: { lora_name: 'x' } });
    await expect(client.post('/unload_lora_adapter', { body: { lora_name: 'x' } })).rejects.toMatchObject({
      status: 404,
    });
  });
});

describe('what is refused', () => {
  const app = (): ReturnType<typeof createApp> => {
    const context = fakeContext();
    return createApp(context, { generation: context });
  };
  it.each([
    [{ model: 'base' }, 'prompt'],
    [{ model: 'base', prompt: 'a'.repeat(100_000) }, 'prompt'],
    [{ model: 'base', prompt: 'a', max_tokens: -1 }, 'max_tokens'],
    [{ model: 'base', prompt: 'a', temperature: -1 }, 'temperature'],
    [{ model: 'base', prompt: [-1] }, 'prompt.0'],
    [{ model: 'base', prompt: 'a', logit_bias: { five: 1 } }, 'logit_bias.five'],
    [{ model: 'base', prompt: 'a', logprobs: 6 }, 'logprobs'],
    [{ model: 'base', prompt: 'a', best_of: 2 }, 'best_of'],
    [{ model: 'base', prompt: 'a', maxTokens: 2 }, 'maxTokens'],
    [{ model: 'base', prompt: 'a', frequency_penalty: 2.5 }, 'frequency_penalty'],
  ])('%#: a field that is wrong, naming %s', async (payload, param) => {
    const answer = await app().inject({ method: 'POST', url: '/v1/completions', payload });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ error: { type: 'invalid_request_error', param } });
  });

  it('a body that is no JSON', async () => {
    const headers = { 'content-type': 'application/json' };
    const answer = await app().inject({ method: 'POST', url: '/v1/completions', headers, payload: '{"model":' });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
  });

  it('an unknown route, in the shape of the API', async () => {
    const answer = await app().inject('/v1/nothing');
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({ error: { code: 'route_not_found' } });
  });

  it('requests without the key, but not those for health', async () => {
    const client = await clientOf(fakeContext({ apiKey: 'secret' }), 'wrong');
    await expect(client.models.list()).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
    const health = await createApp(fakeContext({ apiKey: 'secret' }), {}).inject('/health');
    expect(health.statusCode).toBe(200);
  });

  it('new requests while it shuts down, with the advice to try again', async () => {
    const context = fakeContext();
    context.shuttingDown = true;
    const payload = { model: 'base', prompt: 'a' };
    const answer = await createApp(context, { generation: context }).inject({
      method: 'POST',
      url: '/v1/completions',
      payload,
    });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['x-should-retry']).toBe('true');
    expect((await createApp(context, { generation: context }).inject('/ready')).statusCode).toBe(503);
  });
});

describe('closing', () => {
  it('finishes the streams under way first', async () => {
    const client = await clientOf(fakeContext({ text: 'x'.repeat(60) }));
    const stream = await client.completions.create({ model: 'base', prompt: 'a', max_tokens: 63, stream: true });
    let text = '';
    let closed: Promise<unknown> | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? '';
      closed ??= close?.();
    }
    await closed;
    expect(text).toHaveLength(60);
  });
});
