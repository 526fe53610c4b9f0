import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { fakeContext, type FakeContext } from '../testing/fake-context.ts';
import { FakeTimers } from '../../core/testing/fake-timers.ts';

let app: FastifyInstance;
afterEach(() => app.close());

function serve(text: string): { readonly context: FakeContext; readonly timers: FakeTimers } {
  const context = fakeContext({ text });
  const timers = new FakeTimers();
  app = createApp(context, { generation: Object.assign(context, { trials: { timers } }) });
  return { context, timers };
}

const messages = [{ role: 'user', content: 'a' }];
const bodies = {
  '/v1/completions': { prompt: 'a' },
  '/v1/chat/completions': { messages },
  '/v1/messages': { messages, max_tokens: 9 },
  '/v1/responses': { input: 'a' },
};
const post = (url: keyof typeof bodies, fields: object, ms: string) =>
  app.inject({
    method: 'POST',
    url,
    payload: { model: 'base', ...bodies[url], ...fields },
    headers: { 'x-request-timeout-ms': ms },
  });

const urls = ['/v1/completions', '/v1/chat/completions', '/v1/messages', '/v1/responses'] as const;

describe('the time that a client gives', () => {
  it.each(urls.flatMap((url) => [[url, false] as const, [url, true] as const]))(
    'ends the answer of %s (stream: %s), with an error',
    async (url, stream) => {
      const { context, timers } = serve('endless');
      const answering = post(url, { stream }, '50');
      while (context.taken < 5) await setImmediate();
      timers.advance(49);
      const before = context.taken;
      while (context.taken < before + 5) await setImmediate();
      timers.advance(1);
      const answer = await answering;
      expect(answer.statusCode).toBe(stream ? 200 : 504);
      expect(answer.body).toContain('within the 50 ms that the request gave it by x-request-timeout-ms');
      const type = url === '/v1/messages' ? 'timeout_error' : 'deadline_passed';
      expect(answer.body).toContain(type);
      expect([context.requests[0]?.signal?.aborted, timers.waiting]).toEqual([true, 0]);
    },
  );

  it('does not change an answer that comes in time', async () => {
    const { timers } = serve('hello');
    const answer = await post('/v1/chat/completions', {}, '50');
    expect([answer.statusCode, timers.waiting]).toEqual([200, 0]);
  });

  it.each(['0', '-1', '1.5', '5s', '', '86400001'])('is refused: %j', async (ms) => {
    const { context } = serve('hello');
    const answer = await post('/v1/chat/completions', {}, ms);
    expect(answer.json()).toMatchObject({ error: { code: 'request_invalid', param: 'x-request-timeout-ms' } });
    expect(context.requests).toEqual([]);
  });
});
