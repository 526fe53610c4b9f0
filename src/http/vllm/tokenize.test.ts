import { afterEach, describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { characterTokenizer, fakeContext, fakeMaxLength } from '../testing/fake-context.ts';
import type { GenerationRoute, ServingContext } from '../../service/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';

let close: (() => Promise<unknown>) | undefined;
afterEach(() => close?.());

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

function askerOf(context: ServingContext = fakeContext()): (url: string, body: object) => Promise<Answer> {
  const app = createApp(context, { generation: context });
  close = () => app.close();
  return async (url, payload) => {
    const { statusCode, body } = await app.inject({ method: 'POST', url, payload });
    return { status: statusCode, body: JSON.parse(body) };
  };
}

const idsOf = (text: string): number[] => [...text].map((character) => character.charCodeAt(0));

describe.each(['', '/v1'])('%s/tokenize', (prefix) => {
  it('gives the tokens that a completion of the same text runs', async () => {
    const context = fakeContext();
    const ask = askerOf(context);
    await ask('/v1/completions', { model: 'base', prompt: 'abc' });
    const { body } = await ask(`${prefix}/tokenize`, { model: 'base', prompt: 'abc' });
    expect(body).toEqual({ count: 3, max_model_len: fakeMaxLength, tokens: [97, 98, 99], token_strs: null });
    expect(context.requests[0]?.tokens).toEqual([97, 98, 99]);
  });

  it('gives the tokens that a chat of the same messages runs', async () => {
    const context = fakeContext();
    const ask = askerOf(context);
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'x' }] }];
    await ask('/v1/chat/completions', { model: 'base', messages });
    const { body } = await ask(`${prefix}/tokenize`, { model: 'base', messages });
    expect(body).toMatchObject({ tokens: context.requests[0]?.tokens, count: context.requests[0]?.tokens.length });
  });

  it('names the tokens where it is asked to, and turns them back into the text', async () => {
    const ask = askerOf();
    const named = await ask(`${prefix}/tokenize`, { prompt: 'né', return_token_strs: true });
    expect(named.body).toMatchObject({ tokens: [110, 233], token_strs: ['n', 'é'] });
    expect(await ask(`${prefix}/detokenize`, { tokens: [110, 233] })).toEqual({ status: 200, body: { prompt: 'né' } });
  });
});

/** A tokenizer as an adapter brings it: with a beginning of texts, and letters in the order of its own. */
const ofAdapter = {
  ...characterTokenizer,
  encodeInSlices: async (text: string, { bos = false } = {}) => [...(bos ? [1] : []), ...idsOf(text).toReversed()],
  encodeChatInSlices: async (_messages: unknown, { addGenerationPrompt = false } = {}) => [addGenerationPrompt ? 7 : 6],
  eosIds: [],
  vocabSize: 128,
  tokenName: (id: number) => (id < 128 ? `<${id}>` : undefined),
} as unknown as Tokenizer;

function contextOfAdapter(): { readonly context: ServingContext; readonly open: () => number } {
  let open = 0;
  const resolve = async (model: string): Promise<GenerationRoute> => {
    open++;
    const route = { alias: model, version: 'v', leases: [{ tokenizer: ofAdapter }], [Symbol.dispose]: () => open-- };
    return route as unknown as GenerationRoute;
  };
  const context = {
    ...fakeContext(),
    router: { resolve, resolveMixture: () => resolve(''), assertKnown: () => undefined },
  };
  return { context, open: () => open };
}

describe('an adapter with a tokenizer of its own', () => {
  it('is asked for its tokens, and released', async () => {
    const { context, open } = contextOfAdapter();
    const ask = askerOf(context);
    const tokensOf = async (body: object): Promise<unknown> => {
      const answer = await ask('/tokenize', { model: 'own', return_token_strs: true, ...body });
      return answer.body;
    };
    const messages = [{ role: 'user', content: 'x' }];
    expect(await tokensOf({ prompt: 'ab' })).toMatchObject({
      tokens: [1, 98, 97],
      token_strs: ['<1>', '<98>', '<97>'],
    });
    expect(await tokensOf({ prompt: 'ab', add_special_tokens: false })).toMatchObject({ tokens: [98, 97] });
    expect(await tokensOf({ messages })).toMatchObject({ tokens: [7] });
    expect(await tokensOf({ messages, add_generation_prompt: false })).toMatchObject({ tokens: [6] });
    expect(open()).toBe(0);
  });

  it('refuses ids that it does not have', async () => {
    const ask = askerOf(contextOfAdapter().context);
    expect(await ask('/detokenize', { model: 'own', tokens: [97, 300] })).toMatchObject({
      status: 400,
      body: {
        error: { param: 'tokens.1', message: expect.stringContaining('no token 300; its ids go from 0 to 127') },
      },
    });
  });
});

describe('what cannot be tokenized', () => {
  it.each<[string, object, object]>([
    ['nothing', {}, { param: 'prompt' }],
    ['two things', { prompt: 'a', messages: [{ role: 'user', content: 'x' }] }, { param: 'prompt' }],
    ['an unknown model', { model: 'other', prompt: 'a' }, { code: 'model_not_found' }],
    ['a text that fits into no context', { prompt: 'a'.repeat(3000) }, { code: 'context_length_exceeded' }],
    ['ids', { prompt: [1, 2] }, { param: 'prompt' }],
    ['an end to be continued', { prompt: 'a', continue_final_message: true }, { param: 'continue_final_message' }],
    [
      'messages with special tokens around them',
      { messages: [{ role: 'user', content: 'x' }], add_special_tokens: true },
      { param: 'add_special_tokens' },
    ],
    ['a misspelt field', { prompt: 'a', return_token_str: true }, { param: 'return_token_str' }],
  ])('is refused: %s', async (_, body, error) => {
    const answer = await askerOf()('/tokenize', body);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.body).toMatchObject({ error });
  });

  it('is refused without a tokenizer', async () => {
    const ask = askerOf({ ...fakeContext(), tokenizer: undefined });
    expect(await ask('/tokenize', { prompt: 'a' })).toMatchObject({ status: 400, body: { error: { param: 'model' } } });
  });
});
