import { describe, expect, it } from 'vitest';
import { Router } from '../../routing/index.ts';
import type { ResidentAdapter } from '../../batching/index.ts';
import { createApp } from '../app.ts';
import { fakeContext, type FakeContext } from '../testing/fake-context.ts';
import { fakeModels } from '../testing/fake-models.ts';

const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const megabyte = 2 ** 20;

interface Answer {
  readonly status: number;
  readonly message: string;
  readonly param: string | null;
  /** Absent in the form of the Open Inference Protocol. */
  readonly code?: string;
}

/** Sends a body, and counts what the tokenizer and the engine got to see of it. */
async function post(
  url: string,
  payload: object | string,
): Promise<Answer & { encoded: number; context: FakeContext }> {
  const context = fakeContext();
  let encoded = 0;
  const tokenizer = {
    ...context.tokenizer,
    encode: () => (encoded++, [1]),
    encodeInSlices: async () => (encoded++, [1]),
    encodeForEncoder: () => (encoded++, { ids: [1], typeIds: [0] }),
    encodeChat: () => (encoded++, [1]),
    encodeChatInSlices: async () => (encoded++, [1]),
  } as unknown as NonNullable<FakeContext['tokenizer']>;
  const counted = { ...context, tokenizer };
  const router = new Router<ResidentAdapter>({ baseName: 'base', registry: undefined });
  const embeddings = { ...counted, router, embedder: { embed: () => Promise.resolve([]), maxLength: 64 }, width: 2 };
  const rerank = { ...counted, router, scorer: { score: () => Promise.resolve([]), maxLength: 64 } };
  const app = createApp(context, { generation: counted, embeddings, rerank, inference: fakeModels() });
  const answer = await app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json' },
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
  });
  const { error = '' } = answer.json<{ error?: string | { message: string; param: string | null; code?: string } }>();
  const told = typeof error === 'string' ? { message: error, param: null } : error;
  return { status: answer.statusCode, ...told, encoded, context };
}

const completion = { model: 'base', prompt: 'hi', max_tokens: 1 };

describe('a request of megabytes is refused before anything is made of it', () => {
  const cases: [name: string, url: string, body: object | string, told: string][] = [
    [
      'unknown field of a megabyte',
      '/v1/completions',
      { ...completion, ['m'.repeat(megabyte)]: 1 },
      'name of no field',
    ],
    ['model name of 8 MB', '/v1/completions', { ...completion, model: 'x'.repeat(7.9 * megabyte) }, 'model'],
    [
      'a million stop tokens',
      '/v1/completions',
      { ...completion, n: 128, stop_token_ids: many(1_000_000, (i) => i) },
      '',
    ],
    [
      'a thousand stop tokens',
      '/v1/completions',
      { ...completion, stop_token_ids: many(1000, (i) => i) },
      'at most 256',
    ],
    [
      'many biases',
      '/v1/completions',
      { ...completion, logit_bias: Object.fromEntries(many(2000, (i) => [i, 1])) },
      '1024',
    ],
    ['long stop string', '/v1/completions', { ...completion, stop: 'a'.repeat(257) }, '256 characters'],
    ['400,000 texts', '/v1/completions', { ...completion, prompt: many(400_000, () => 'money') }, 'at most 512'],
    ['texts times n', '/v1/completions', { ...completion, prompt: many(16, () => 'money'), n: 128 }, '512 choices'],
    ['500 long texts', '/v1/completions', { ...completion, prompt: many(500, () => 'x'.repeat(16_000)) }, 'can fit'],
    ['one long text behind others', '/v1/completions', { ...completion, prompt: ['a', 'x'.repeat(9000)] }, 'can fit'],
    [
      'two million lists',
      '/v1/completions',
      { ...completion, prompt: many(2_000_000, () => [1]) },
      'lists and objects',
    ],
    ['three million brackets', '/v1/completions', `{"user":${'['.repeat(3e6)}${']'.repeat(3e6)}}`, 'nested'],
    ['300,000 fields', '/v1/completions', Object.fromEntries(many(300_000, (i) => [`maxTokens${i}`, 1])), 'members'],
    ['129 fields', '/v1/completions', Object.fromEntries(many(129, (i) => [`f${i}`, 1])), 'at most 128'],
    ['a prototype', '/v1/completions', '{"model":"base","__proto__":{"n":5},"prompt":"a"}', 'name of no field'],
    [
      '1,025 messages',
      '/v1/chat/completions',
      { model: 'base', messages: many(1025, () => ({ role: 'user', content: '' })) },
      '',
    ],
    [
      'more messages than tokens',
      '/v1/chat/completions',
      { model: 'base', messages: many(65, () => ({ role: 'user', content: '' })) },
      'context',
    ],
    [
      '300 parts',
      '/v1/chat/completions',
      { model: 'base', messages: [{ role: 'user', content: many(300, () => ({ type: 'text', text: '' })) }] },
      '',
    ],
    ['1,001 documents', '/v1/rerank', { model: 'base', query: 'a', documents: many(1001, () => 'a') }, 'at most 1000'],
    ['a long document', '/v1/rerank', { model: 'base', query: 'a', documents: ['a', 'x'.repeat(9000)] }, 'can fit'],
    ['3,000 inputs', '/v1/embeddings', { model: 'base', input: many(3000, () => 'a') }, 'at most 2048'],
    ['a long input behind others', '/v1/embeddings', { model: 'base', input: ['a', 'x'.repeat(9000)] }, 'can fit'],
    ['a long adapter path', '/v1/load_lora_adapter', { lora_name: 'a', lora_path: 'x'.repeat(60_000) }, ''],
    ['a long adapter name', '/v1/unload_lora_adapter', { lora_name: 'x'.repeat(60_000) }, ''],
    [
      'an input name of megabytes',
      '/v2/models/echo/infer',
      { inputs: [{ name: 'x'.repeat(7 * megabyte), shape: [1], datatype: 'FP32', data: [1] }] },
      '',
    ],
    [
      'an output named 200,000 times',
      '/v2/models/echo/infer',
      {
        inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }],
        outputs: many(200_000, () => ({ name: 'y' })),
      },
      '',
    ],
    [
      'an output named 300 times',
      '/v2/models/echo/infer',
      {
        inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }],
        outputs: many(300, () => ({ name: 'y' })),
      },
      '',
    ],
    [
      'brackets as a tensor',
      '/v2/models/echo/infer',
      `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":${'['.repeat(3e6)}`,
      'nested',
    ],
    [
      'a list where a number is wanted',
      '/v2/models/echo/infer',
      { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 'y'.repeat(megabyte)] }] },
      'got yyy',
    ],
    [
      'long integers for megabytes',
      '/v2/models/echo/infer',
      `{"inputs":[{"name":"x","shape":[1],"datatype":"INT64","data":[${'1234567890123456789,'.repeat(60_000)}1]}]}`,
      'send tensors as bytes',
    ],
  ];

  it.each(cases)('%s', async (_name, url, body, told) => {
    const { status, message, param, encoded, context } = await post(url, body);
    expect([status, message]).toEqual([400, expect.stringContaining(told)]);
    expect([encoded, context.requests]).toEqual([0, []]);
    // What a client sent comes back neither in the message nor in the field's name.
    expect(message.length + (param ?? '').length).toBeLessThan(1000);
  });
});

describe('a body that no request of its route needs is not read', () => {
  const others = 'x'.repeat(2 ** 17);
  const message = { role: 'user', content: '' };
  const longest = { ...message, content: '\u0001'.repeat(32 * 64) };
  it.each<[name: string, url: string, body: object, status: number]>([
    ['a chat of the longest text that its context allows', '/v1/chat/completions', { messages: [longest] }, 200],
    ['a chat of as many messages', '/v1/chat/completions', { messages: many(64, () => message) }, 200],
    ['a chat with more beside', '/v1/chat/completions', { messages: [longest], metadata: others }, 400],
    ['200,000 empty messages', '/v1/chat/completions', { messages: many(200_000, () => message) }, 400],
    ['an adapter path of megabytes', '/v1/load_lora_adapter', { lora_name: 'a', lora_path: 'x'.repeat(megabyte) }, 413],
    ['the same under /v2', '/v2/models/echo/adapters/a/load', { path: 'x'.repeat(megabyte) }, 413],
    ['an adapter name of megabytes', '/v1/unload_lora_adapter', { lora_name: 'x'.repeat(megabyte) }, 413],
  ])('%s', async (_name, url, body, expected) => {
    const { status } = await post(url, { model: 'base', ...body });
    expect(status).toBe(expected);
  });
});

describe('a prompt that is too long is told in one way', () => {
  it.each([2_000, 20_000, 200_000, 2_000_000])('of %d words in a chat', async (words) => {
    const messages = [{ role: 'user', content: 'word '.repeat(words) }];
    const { status, code } = await post('/v1/chat/completions', { model: 'base', messages });
    expect([status, code]).toEqual([400, 'context_length_exceeded']);
  });

  it.each([2_000, 20_000, 200_000, 1_600_000])('of %d words to go on from', async (words) => {
    const { status, code } = await post('/v1/completions', { model: 'base', prompt: 'word '.repeat(words) });
    expect([status, code]).toEqual([400, 'context_length_exceeded']);
  });

  it.each([2_000, 50_000])('of %d token ids', async (count) => {
    const prompt = Array.from({ length: count }, () => 5);
    const { status, code } = await post('/v1/completions', { model: 'base', prompt });
    expect([status, code]).toEqual([400, 'context_length_exceeded']);
  });
});

describe('what is bounded says its bounds', () => {
  it.each([1e-300, 0.009, 101, 1e300])('repetition_penalty %d', async (repetition_penalty) => {
    const { status, message, param } = await post('/v1/completions', { ...completion, repetition_penalty });
    expect([status, param]).toEqual([400, 'repetition_penalty']);
    expect(message).toMatch(/at least 0.01|at most 100/);
  });

  it('names the place of a wrong token id', async () => {
    expect(await post('/v1/completions', { ...completion, prompt: [[1], [2, -1]] })).toMatchObject({
      param: 'prompt.1.1',
    });
    expect(await post('/v1/completions', { ...completion, prompt: [1, 'a'] })).toMatchObject({ param: 'prompt.1' });
    expect(await post('/v1/completions', { ...completion, prompt: ['a', [1]] })).toMatchObject({ param: 'prompt.1' });
  });

  it('makes one set of stop tokens and one map of biases for all choices of a request', async () => {
    const body = { ...completion, n: 3, stop_token_ids: [7], logit_bias: { 5: 1 } };
    const context = fakeContext();
    const app = createApp(context, { generation: context });
    await app.inject({ method: 'POST', url: '/v1/completions', payload: body });
    const [first, ...rest] = context.requests;
    expect(first).toMatchObject({ stopTokenIds: new Set([0, 7]), logitBias: new Map([[5, 1]]) });
    expect(rest).toHaveLength(2);
    for (const request of rest) {
      expect(request.stopTokenIds).toBe(first?.stopTokenIds);
      expect(request.logitBias).toBe(first?.logitBias);
    }
  });
});
