import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import type { GenerationEngine } from '../../service/index.ts';
import { createApp } from '../app.ts';
import { fakeContext, type FakeContext } from '../testing/fake-context.ts';

const full = { waiting: 8, count: 1, limit: 8, retryAfterSeconds: 3 };

/** A context whose engine has so many places for all callers together. */
function contextWith(places: number): { readonly context: FakeContext; readonly taken: () => number } {
  const context = fakeContext();
  let taken = 0;
  const change = (more: number): void => {
    if (taken + more > places) throw new EspalierError('QUEUE_FULL', full);
    taken += more;
  };
  const reserve: GenerationEngine['reserve'] = ({ count }) => {
    let own = 0;
    const resize = (to: number): void => {
      change(to - own);
      own = to;
    };
    resize(count);
    const use = (): boolean => (own > 0 ? (resize(own - 1), true) : false);
    return { resize, use, [Symbol.dispose]: () => resize(0) };
  };
  return { context: { ...context, engine: { ...context.engine, reserve } }, taken: () => taken };
}

const completion = { method: 'POST', url: '/v1/completions' } as const;
const chat = { method: 'POST', url: '/v1/chat/completions' } as const;

describe('a place in the queue', () => {
  it.each(['/v1/completions', '/v1/chat/completions'])(
    'is wanted before the body of %s is read, and the answer does not wait for it',
    async (path) => {
      const { context } = contextWith(0);
      const app = createApp(context, { generation: context });
      await app.listen({ host: '127.0.0.1', port: 0 });
      const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
      const head = ['POST PATH HTTP/1.1', 'host: localhost', 'content-type: application/json', 'content-length: 1000'];
      socket.write(`${head.join('\r\n').replace('PATH', path)}\r\n\r\n{`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1.1 429 /);
      expect(answer.toString()).toMatch(/retry-after: 3\r\n/);
      socket.destroy();
      await app.close();
    },
  );

  it.each([
    [completion, { model: 'base', prompt: 'a' }, 200],
    [completion, { model: 'base', prompt: ['a', 'b'], n: 4 }, 200],
    [completion, { model: 'base', prompt: ['a', 'b'], n: 5 }, 429],
    [completion, { model: 'base', prompt: 5 }, 400],
    [completion, { model: 'unknown', prompt: 'a' }, 404],
    [completion, { model: 'base', prompt: 'a'.repeat(64) }, 400],
    [chat, { model: 'base', messages: [{ role: 'user', content: 'a' }] }, 200],
  ])('is free again after %o with %o', async (route, payload, status) => {
    const { context, taken } = contextWith(8);
    const app = createApp(context, { generation: context });
    expect((await app.inject({ ...route, payload })).statusCode).toBe(status);
    expect(taken()).toBe(0);
    for (const { reservation } of context.requests) expect(reservation).toBeDefined();
  });

  it.each([
    [completion, { model: 'unknown', prompt: 'a' }, 404, 0],
    [completion, { model: 'base', prompt: ['a', 'b'], n: 5 }, 429, 0],
    [completion, { model: 'base', prompt: ['a'.repeat(65), 'b', 'c'] }, 400, 1],
    [chat, { model: 'unknown', messages: [{ role: 'user', content: 'a' }] }, 404, 0],
    [chat, { model: 'base', messages: [{ role: 'user', content: 'a' }], n: 9 }, 429, 0],
  ])('is counted before texts are tokenized: %o with %o', async (route, payload, status, expected) => {
    const { context } = contextWith(8);
    let encoded = 0;
    const { tokenizer } = context;
    const counting = {
      ...tokenizer,
      encodeInSlices: async (text: string) => (encoded++, tokenizer?.encode(text)),
      encodeChatInSlices: async () => (encoded++, [1]),
    } as unknown as NonNullable<FakeContext['tokenizer']>;
    const app = createApp(context, { generation: { ...context, tokenizer: counting } });
    expect((await app.inject({ ...route, payload })).statusCode).toBe(status);
    expect(encoded).toBe(expected);
  });

  it('is free again after a client has gone while it sent its body', async () => {
    const { context, taken } = contextWith(8);
    const app = createApp(context, { generation: context });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    const served = once(app.server, 'request');
    const head = [`POST ${chat.url} HTTP/1.1`, 'host: localhost', 'content-type: application/json'];
    socket.write(`${head.join('\r\n')}\r\ncontent-length: 1000\r\n\r\n{`);
    const [, response] = await served;
    expect(taken()).toBe(1);
    const closed = once(response, 'close');
    socket.destroy();
    await closed;
    expect(taken()).toBe(0);
    await app.close();
  });

  it('lets other tasks run while the choices of hundreds of prompts are started', async () => {
    const { context } = contextWith(512);
    let turns = 0;
    let [atFirst, atLast] = [Infinity, 0];
    const generate: GenerationEngine['generate'] = (request) => {
      [atFirst, atLast] = [Math.min(atFirst, turns), turns];
      const end = performance.now() + 0.1;
      while (performance.now() < end);
      return context.engine.generate(request);
    };
    const slow = { ...context, engine: { ...context.engine, generate } };
    const app = createApp(slow, { generation: slow });
    const timer = setInterval(() => turns++, 0);
    const payload = { model: 'base', prompt: Array.from({ length: 200 }, () => [1]), max_tokens: 1 };
    expect((await app.inject({ ...completion, payload })).statusCode).toBe(200);
    clearInterval(timer);
    expect(atLast).toBeGreaterThan(atFirst);
  });
});
