import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { KeyRing } from '../keys/key-ring.ts';
import { defaultRoles } from '../keys/role.ts';
import { createScope } from '../keys/scope.ts';
import { fakeContext, type FakeContext } from '../testing/fake-context.ts';

let close: (() => Promise<unknown>) | undefined;
afterEach(() => close?.());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: { readonly error?: object; readonly model?: string; readonly espalier?: object };
}

/** @param seen  the names that the key of the requests may see */
function askerOf(context: FakeContext, seen?: readonly string[]): (body: object, url?: string) => Promise<Answer> {
  const keys = new KeyRing({});
  const sha256 = createHash('sha256').update('secret').digest('hex');
  if (seen !== undefined) keys.replace([{ name: 'own', sha256, scope: createScope(seen), roles: defaultRoles }]);
  const app = createApp(context, { generation: context }, { keys });
  close = () => app.close();
  return async (body, url = '/v1/completions') => {
    const shared = { model: 'base', ...body };
    const chat = { prompt: 'x', messages: [{ role: 'user', content: 'x' }], max_tokens: 3 };
    const payload = url === '/v1/responses' ? { input: 'x', ...shared } : { ...chat, ...shared };
    const headers = { authorization: 'Bearer secret' };
    const answer = await app.inject({ method: 'POST', url, payload, headers });
    return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
  };
}

/** What the engine was given: names and scales. */
function asked({ requests }: FakeContext): unknown {
  return requests.at(-1)?.adapters.map(({ lease, scale }) => [lease.alias, scale]);
}

const adapters = ['a', 'b'];
const mixed = [
  ['a', 0.5],
  ['b', -2],
];

describe('a mixture', () => {
  it.each([
    [
      'lora with names',
      {
        lora: [
          { name: 'a', scale: 0.5 },
          { name: 'b', scale: -2 },
        ],
      },
    ],
    [
      'lora with ids',
      {
        lora: [
          { id: 'a', scale: 0.5 },
          { id: 'base:b', scale: -2 },
        ],
      },
    ],
    [
      'one that is named as the model too',
      {
        model: 'a',
        lora: [
          { id: 'a', scale: 0.5 },
          { id: 'b', scale: -2 },
        ],
      },
    ],
    ['adapter_parameters', { adapter_parameters: { ids: ['a', 'b'], weights: [0.5, -2], merge_strategy: 'linear' } }],
  ])('is asked for by %s', async (_, fields) => {
    for (const url of ['/v1/completions', '/v1/chat/completions', '/v1/messages', '/v1/responses']) {
      const context = fakeContext({ adapters });
      const { headers, body } = await askerOf(context)(fields, url);
      expect(asked(context)).toEqual(mixed);
      expect(headers).toMatchObject({
        'x-espalier-adapter': 'a=0.5, b=-2',
        'x-espalier-version': 'sha-a=0.5, sha-b=-2',
      });
      expect(body.espalier).toEqual({
        adapters: [
          { adapter: 'a', version: 'sha-a', scale: 0.5 },
          { adapter: 'b', version: 'sha-b', scale: -2 },
        ],
      });
      await close?.();
    }
  });

  it.each<[object, unknown, string]>([
    [{ adapter_id: 'a' }, [['a', 1]], 'a'],
    [{ adapter_id: 'base' }, [], 'base'],
    [{ lora: [{ name: 'a' }] }, [['a', 1]], 'a'],
    [
      {
        lora: [
          { name: 'a', scale: 1 },
          { name: 'b', scale: 0 },
        ],
      },
      [['a', 1]],
      'a',
    ],
    [{ lora: [{ name: 'a', scale: 0.5 }] }, [['a', 0.5]], 'base'],
    [{ lora: [] }, [], 'base'],
    [{ lora: [{ name: 'a', scale: 0 }] }, [], 'base'],
    [{ adapter_id: null, lora: null }, [], 'base'],
    [{ model: 'base:a' }, [['a', 1]], 'base:a'],
    [{ model: 'a@0123456789abcdef' }, [['a', 1]], 'a@0123456789abcdef'],
  ])('is none where one answers: %j', async (fields, given, model) => {
    const context = fakeContext({ adapters });
    const { body } = await askerOf(context)(fields);
    expect([asked(context), body.model]).toEqual([given, model]);
  });

  it.each<[object, object]>([
    [{ lora: [{ name: 'a' }, { name: 'other' }] }, { code: 'model_not_found' }],
    [{ lora: [{ name: 'a', scale: 0.5 }, { name: 'base' }] }, { param: 'lora' }],
    [{ adapter_parameters: { ids: ['base'], weights: [0.5] } }, { param: 'adapter_parameters' }],
    [{ lora: [{ scale: 1 }] }, { param: 'lora.0.name' }],
    [{ lora: [{ id: 0, scale: 1 }] }, { param: 'lora.0.id' }],
    [{ lora: [{ name: 'a', scale: 1e4 }] }, { param: 'lora.0.scale' }],
    [{ lora: { name: 'a' } }, { param: 'lora' }],
    [{ lora: [{ name: 'a' }], adapter_id: 'b' }, { param: 'adapter_id' }],
    [{ model: 'b', adapter_id: 'a' }, { param: 'adapter_id' }],
    [{ adapter_parameters: { ids: ['a', 'b'], weights: [1] } }, { param: 'adapter_parameters.weights' }],
    [
      { adapter_parameters: { ids: ['a'], weights: [1], merge_strategy: 'ties' } },
      { param: 'adapter_parameters.merge_strategy' },
    ],
    [{ model: 'other@0123456789abcdef' }, { code: 'model_not_found' }],
  ])('is refused: %j', async (fields, error) => {
    const context = fakeContext({ adapters });
    const { status, body } = await askerOf(context)(fields);
    expect([status >= 400, context.requests]).toEqual([true, []]);
    expect(body.error).toMatchObject(error);
  });
});

describe('a key for some names', () => {
  const refused = (answer: Answer): unknown => [answer.status, JSON.stringify(answer.body).includes('model_not_found')];

  it.each<[object]>([
    [{ model: 'b' }],
    [{ model: 'b@0123456789abcdef' }],
    [{ model: 'base:b' }],
    [{ model: 'base:b@0123456789abcdef' }],
    [
      {
        model: 'a',
        lora: [
          { name: 'a', scale: 2 },
          { name: 'b', scale: 1 },
        ],
      },
    ],
    [{ model: 'base' }],
  ])('does not get the others: %j', async (fields) => {
    expect(refused(await askerOf(fakeContext({ adapters }), ['a'])(fields))).toEqual([404, true]);
  });

  it.each<[object]>([
    [{ model: 'a@0123456789abcdef' }],
    [{ model: 'base:a' }],
    [{ model: 'a', lora: [{ name: 'a', scale: 2 }] }],
  ])('gets its own: %j', async (fields) => {
    expect((await askerOf(fakeContext({ adapters }), ['a'])(fields)).status).toBe(200);
  });
});

describe('the card of a model', () => {
  it.each([
    ['a', 'sha-a'],
    ['base:a', 'sha-a'],
    ['a@0123456789abcdef', '0123456789abcdef'],
    ['base', undefined],
  ])('is found under %s', async (id, version) => {
    const context = fakeContext({ adapters });
    const app = createApp(context, { generation: context });
    close = () => app.close();
    const answer = await app.inject(`/v1/models/${id}`);
    expect(answer.statusCode).toBe(200);
    const { version: told, ...card } = answer.json<{ version?: string }>();
    expect([card, told]).toEqual([expect.objectContaining({ id, object: 'model' }), version]);
  });
});
