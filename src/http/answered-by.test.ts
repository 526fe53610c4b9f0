import { describe, expect, it } from 'vitest';
import { createApp } from './app.ts';
import { fakeContext } from './testing/fake-context.ts';

describe('an embedding', () => {
  it.each([
    ['strict', { adapter: 'strict', version: 'sha-strict' }],
    ['base', undefined],
  ])('of %s names the version that answers', async (model, named) => {
    const context = fakeContext({ adapters: ['strict'] });
    const embedder = { embed: () => Promise.resolve([]), maxLength: 64 };
    const app = createApp(context, { embeddings: { ...context, embedder, width: 2 } as never });
    const answer = await app.inject({ method: 'POST', url: '/v1/embeddings', payload: { model, input: [[1]] } });
    expect([answer.json<{ espalier: unknown }>().espalier, answer.headers['x-espalier-version']]).toEqual([
      named,
      named?.version,
    ]);
  });
});

describe('the name of a folder that is no header', () => {
  it.each([
    ['höflich', 'h%C3%B6flich'],
    ['名前', '%E5%90%8D%E5%89%8D'],
    ['two words', 'two words'],
    ['line\nend', 'line%0Aend'],
  ])('%j is written as %s', async (name, written) => {
    const context = fakeContext({ adapters: [name] });
    const app = createApp(context, { generation: context });
    const payload = { model: name, prompt: 'a' };
    const answer = await app.inject({ method: 'POST', url: '/v1/completions', payload });
    expect([answer.statusCode, answer.headers['x-espalier-adapter']]).toEqual([200, written]);
    expect(answer.json<{ espalier: { adapter: string } }>().espalier.adapter).toBe(name);
  });
});
