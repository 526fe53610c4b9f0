import { afterEach, expect, it } from 'vitest';
import type { PreparedAdapter } from '../../engine/index.ts';
import { AdapterRegistry, Router, type SourcedAdapter } from '../../routing/index.ts';
import { adapterOf, FakeArena } from '../../routing/testing/fake-arena.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { createApp } from '../app.ts';
import { characterTokenizer, fakeContext } from '../testing/fake-context.ts';

let registry: AdapterRegistry;
afterEach(() => registry.dispose());

/** An adapter whose own tokenizer writes every prompt as one token, and says when it does. */
function writing(digest: string, token: number, meanwhile: () => Promise<unknown> = async () => {}): SourcedAdapter {
  const encode = async (): Promise<number[]> => {
    await meanwhile();
    return [token];
  };
  const own = { ...characterTokenizer, eosIds: [token], encodeChatInSlices: encode, encodeInSlices: encode };
  return { ...adapterOf(digest), openTokenizer: async () => own satisfies Partial<Tokenizer> as Tokenizer };
}

it.each([
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/completions', { prompt: 'hi' }],
])(
  'a request to %s reads the template, the weights and the ends of one version, though the name moves meanwhile',
  async (url, asked) => {
    registry = new AdapterRegistry(new FakeArena(), { memory: 100 });
    await registry.load(
      'policy',
      writing('old', 1, () => registry.put('policy', writing('next', 2))),
    );
    const context = {
      ...fakeContext(),
      router: new Router({ baseName: 'base', registry: registry as unknown as AdapterRegistry<PreparedAdapter> }),
    };
    const app = createApp(context, { generation: context });
    const versions: unknown[] = [];
    for (let asks = 0; asks < 2; asks++) {
      const { statusCode } = await app.inject({ method: 'POST', url, payload: { model: 'policy', ...asked } });
      expect(statusCode).toBe(200);
      const { tokens, adapters, stopTokenIds } = context.requests[asks] ?? {};
      versions.push([adapters?.[0]?.lease.version.digest, tokens, [...(stopTokenIds ?? [])].at(-1)]);
    }
    expect(versions).toEqual([
      ['old', [1], 1],
      ['next', [2], 2],
    ]);
  },
);
