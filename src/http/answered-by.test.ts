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
