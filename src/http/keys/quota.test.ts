import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { TokenMeter } from '../answering/token-meter.ts';
import { createApp } from '../app.ts';
import { type FakeContext, fakeContext } from '../testing/fake-context.ts';
import { KeyRing } from './key-ring.ts';
import { Quota } from './quota.ts';
import { parseKeys } from './read-keys.ts';

let now: number;
let ring: KeyRing;
let context: FakeContext;
let app: FastifyInstance;

const trial = '- {name: trial, key: key-of-trial, models: base, requests_per_minute: 2}\n';
const others =
  '- {name: words, key: key-of-words, models: base, tokens_per_minute: 100}\n- {name: free, key: key-of-free, models: base}\n';

beforeEach(() => {
  now = 0;
  ring = new KeyRing({}, { now: () => now });
  ring.replace(parseKeys(trial + others, 'keys.yaml'));
  context = fakeContext();
  app = createApp(context, { generation: context }, { keys: ring });
});
afterEach(() => app.close());

const bodies: Readonly<Record<string, object>> = {
  '/v1/completions': { prompt: 'x', max_tokens: 4 },
  '/v1/responses': { input: 'x', max_output_tokens: 4 },
};

function ask(key: string, url = '/v1/completions'): Promise<LightMyRequestResponse> {
  const chat = { messages: [{ role: 'user', content: 'x' }], max_tokens: 4 };
  const payload = { model: 'base', ...(bodies[url] ?? chat) };
  return app.inject({ method: 'POST', url, headers: { authorization: `Bearer ${key}` }, payload });
}

describe('a key with a limit of requests', () => {
  it('is refused beyond it, in the form of each API, and told when to come again', async () => {
    expect([(await ask('key-of-trial')).statusCode, (await ask('key-of-trial')).statusCode]).toEqual([200, 200]);
    for (const url of ['/v1/completions', '/v1/chat/completions', '/v1/messages', '/v1/responses', '/v1/tokenize']) {
      const refused = await ask('key-of-trial', url);
      expect([url, refused.statusCode, refused.headers['retry-after'], refused.body]).toEqual([
        url,
        429,
        '30',
        expect.stringContaining('The key trial has used its 2 requests for a minute. Try again in 30 s.'),
      ]);
    }
    expect(context.requests).toHaveLength(2);
    now = 30_000;
    expect((await ask('key-of-trial')).statusCode).toBe(200);
    expect((await ask('key-of-trial')).statusCode).toBe(429);
  });

  it('is told what is left of it in every answer, as by OpenAI', async () => {
    const { headers } = await ask('key-of-trial');
    expect(headers).toMatchObject({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '1',
      'x-ratelimit-reset-requests': '30.000s',
    });
    expect(headers['x-ratelimit-limit-tokens']).toBeUndefined();
  });

  it('may look as often as it likes', async () => {
    const headers = { authorization: 'Bearer key-of-trial' };
    for (let i = 0; i < 5; i++) expect((await app.inject({ url: '/v1/models', headers })).statusCode).toBe(200);
  });

  it('takes nothing from others', async () => {
    for (let i = 0; i < 5; i++) await ask('key-of-trial');
    for (let i = 0; i < 5; i++) expect((await ask('key-of-free')).statusCode).toBe(200);
  });

  it('gets nothing by a new reading of the file, but other limits do', async () => {
    for (let i = 0; i < 2; i++) await ask('key-of-trial');
    ring.replace(parseKeys(trial + others, 'keys.yaml'));
    expect((await ask('key-of-trial')).statusCode).toBe(429);
    ring.replace(parseKeys(trial.replace('2}', '3}'), 'keys.yaml'));
    expect((await ask('key-of-trial')).statusCode).toBe(200);
  });
});

describe('a key with a limit of tokens', () => {
  it('overdraws it by what is under way, and then waits', () => {
    const quota = new Quota('words', { tokensPerMinute: 60 }, { now: () => now });
    const generated = [10, undefined, 30];
    const meter = new TokenMeter(quota);
    const engine = meter.watch({
      generate: () => ({ generated: generated.shift() }) as never,
    });
    const request = { tokens: Array.from({ length: 20 }, () => 5) } as never;
    for (let i = 0; i < 3; i++) engine.generate(request);
    expect(quota.headers()['x-ratelimit-remaining-tokens']).toBe('0');
    meter[Symbol.dispose]();
    meter[Symbol.dispose]();
    // 60 of prompts and 40 of answers were taken of 60.
    now = 40_999;
    expect(() => quota.admit()).toThrow('The key words has used its 60 tokens for a minute. Try again in 1 s.');
    now = 41_001;
    quota.admit();
  });

  it('is charged for prompts by every way to ask', async () => {
    const left = async (url: string): Promise<number> => {
      const { headers, statusCode } = await ask('key-of-words', url);
      expect([url, statusCode]).toEqual([url, 200]);
      return Number(headers['x-ratelimit-remaining-tokens']);
    };
    const levels = [];
    for (const url of ['/v1/completions', '/v1/chat/completions', '/v1/messages', '/v1/responses', '/v1/completions'])
      levels.push(await left(url));
    expect(levels[0]).toBe(100);
    expect(levels).toEqual(levels.toSorted((a, b) => b - a));
    expect(new Set(levels).size).toBe(levels.length);
  });
});
