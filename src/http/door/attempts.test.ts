import { createHash } from 'node:crypto';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdapterRegistry, createAdapterControl } from '../../routing/index.ts';
import { FakeArena, type FakeWeights } from '../../routing/testing/fake-arena.ts';
import { FakeStore } from '../../routing/testing/fake-store.ts';
import { Rollouts } from '../../service/rollouts/rollouts.ts';
import { createApp } from '../app.ts';
import { KeyRing } from '../keys/key-ring.ts';
import { parseKeys } from '../keys/read-keys.ts';
import { fakeContext, type FakeContext } from '../testing/fake-context.ts';

const list = `
- {name: acme, key: key-of-acme-1, models: [acme/*]}
- {name: acme-ops, key: key-of-acme-ops, models: [acme/*], roles: admin}
- {name: eyes, key: key-of-eyes, models: '*', roles: read}
- {name: whole, key: key-of-whole, models: '*'}
- {name: slow, key: key-of-slow, models: '*', requests_per_minute: 1}
`;

let context: FakeContext;
let registry: AdapterRegistry<FakeWeights>;
let rollouts: Rollouts;
let app: FastifyInstance;

/** Somebody else's machine. */
const remoteAddress = '10.0.0.7';

async function open(ring: KeyRing): Promise<void> {
  registry = new AdapterRegistry(new FakeArena(), { memory: 100 });
  rollouts = new Rollouts({ registry });
  context = fakeContext({ adapters: ['acme/one', 'beta/one'] });
  const control = createAdapterControl({ registry, baseName: 'base', store: new FakeStore(['v1', 'v2']) });
  const served = { ...context, control, rollouts };
  app = createApp(served, { generation: served }, { keys: ring });
}

beforeEach(async () => {
  const ring = new KeyRing({}, { now: () => 0 });
  ring.replace(parseKeys(list, 'keys.yaml'));
  await open(ring);
});
afterEach(async () => {
  await app.close();
  await rollouts[Symbol.asyncDispose]();
  registry.dispose();
});

const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });
const chat = { model: 'base', messages: [{ role: 'user', content: 'x' }] };
const completion = { model: 'base', prompt: 'x' };

type Attempt = [what: string, request: InjectOptions, status: number, code: string];

/** The refusal of a request: its status, and its code wherever its API has it. Nothing was asked of the engine or of the adapters. */
async function refusalOf(request: InjectOptions): Promise<[status: number, code: string]> {
  const before = registry.list();
  const answer = await app.inject({ remoteAddress, ...request });
  expect(context.requests).toEqual([]);
  expect(registry.list()).toEqual(before);
  const text = answer.body;
  const code = /"code":"(\w+)"/.exec(text)?.[1] ?? /"type":"(\w+)"/.exec(text.replace('"type":"error"', ''))?.[1];
  return [answer.statusCode, code ?? text];
}

const models = (headers: Record<string, string>, url = '/v1/models'): InjectOptions => ({ url, headers });
const post = (url: string, key: string, payload: object = {}, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST',
  url,
  headers: { ...bearer(key), ...headers },
  payload,
});

const wrongKey = [401, 'invalid_api_key'] as const;

describe('an attempt to get past the keys', () => {
  const key = 'key-of-whole';
  const hash = createHash('sha256').update(key).digest('hex');
  it.each<Attempt>([
    ['without a key', models({}), ...wrongKey],
    ['with an empty key', models(bearer('')), ...wrongKey],
    ['with an empty x-api-key', models({ 'x-api-key': '' }), ...wrongKey],
    ['with another key', models(bearer('key-of-nobody')), ...wrongKey],
    ['with the hash of a key', models(bearer(hash)), ...wrongKey],
    ['with the name of a key', models(bearer('whole')), ...wrongKey],
    ['with the beginning of a key', models(bearer(key.slice(0, -1))), ...wrongKey],
    ['with more than a key', models(bearer(`${key}1`)), ...wrongKey],
    ['with a key in capitals', models(bearer(key.toUpperCase())), ...wrongKey],
    ['with two keys', models(bearer(`${key}, key-of-eyes`)), ...wrongKey],
    ['with a word before the key', models(bearer(`token ${key}`)), ...wrongKey],
    ['with a NUL behind the key', models(bearer(`${key}\0`)), ...wrongKey],
    ['with a key of letters beyond ASCII', models(bearer('ключ-доступа')), ...wrongKey],
    ['with a very long key', models(bearer(key.repeat(500))), ...wrongKey],
    ['with every key at once', models(bearer('*')), ...wrongKey],
    ['with the key under another scheme', models({ authorization: `Basic ${key}` }), ...wrongKey],
    ['with the key as a name and password', models({ authorization: `Basic ${btoa(`x:${key}`)}` }), ...wrongKey],
    ['with the key without a scheme', models({ authorization: key }), ...wrongKey],
    ['with the key in the URL', models({}, `/v1/models?api_key=${key}`), ...wrongKey],
    ['with the key in a cookie', models({ cookie: `api_key=${key}` }), ...wrongKey],
    ['with the key in a header of another API', models({ 'api-key': key }), ...wrongKey],
    ['with the key in the header of a proxy', models({ 'proxy-authorization': `Bearer ${key}` }), ...wrongKey],
    ['with a right key behind a wrong one', models({ ...bearer('wrong-key'), 'x-api-key': key }), ...wrongKey],
    [
      'with the key in the body',
      { method: 'POST', url: '/v1/completions', payload: { ...completion, api_key: key } },
      ...wrongKey,
    ],
    ['from this machine', { url: '/v1/models', remoteAddress: '127.0.0.1' }, ...wrongKey],
    ['for a path that has no route', models({}, '/v1/secrets'), ...wrongKey],
  ])('%s is refused', async (_what, request, status, code) => {
    expect(await refusalOf(request)).toEqual([status, code]);
  });
});

describe('an attempt to do more than the role of a key', () => {
  const notFound = [404, 'model_not_found'] as const;
  it.each<Attempt>([
    ['lists adapters by a key for models', models(bearer('key-of-whole'), '/v1/adapters'), ...wrongKey],
    [
      'looks by HEAD at adapters by a key for models',
      { method: 'HEAD', url: '/v1/adapters', headers: bearer('key-of-whole') },
      401,
      '',
    ],
    ['lists roll-outs by a key for models', models(bearer('key-of-whole'), '/v1/rollouts'), ...wrongKey],
    [
      'looks at one adapter by a key for models',
      models(bearer('key-of-acme-1'), '/v1/adapters/acme%2Fone'),
      ...wrongKey,
    ],
    [
      'loads an adapter by a key for models',
      post('/v1/load_lora_adapter', 'key-of-whole', { lora_name: 'x', lora_path: 'x' }),
      ...wrongKey,
    ],
    [
      'unloads an adapter by a key for models',
      post('/v1/unload_lora_adapter', 'key-of-acme-1', { lora_name: 'acme/one' }),
      ...wrongKey,
    ],
    [
      'publishes by a key for looking',
      post('/v1/adapters/acme%2Fone/publish', 'key-of-eyes', { version: 'v2' }),
      ...wrongKey,
    ],
    [
      'changes by PUT by a key for looking',
      { method: 'PUT', url: '/v1/adapters/acme%2Fone', headers: bearer('key-of-eyes'), payload: { version: 'v2' } },
      ...wrongKey,
    ],
    [
      'removes by a key for looking',
      { method: 'DELETE', url: '/v1/adapters/acme%2Fone', headers: bearer('key-of-eyes') },
      ...wrongKey,
    ],
    [
      'starts a roll-out by a key for looking',
      post('/v1/adapters/acme%2Fone/rollout', 'key-of-eyes', { candidate: 'v2' }),
      ...wrongKey,
    ],
    ['rolls back by a key for looking', post('/v1/adapters/acme%2Fone/rollback', 'key-of-eyes'), ...wrongKey],
    ['chats by a key for looking', post('/v1/chat/completions', 'key-of-eyes', chat), ...wrongKey],
    ['completes by a key for looking', post('/v1/completions', 'key-of-eyes', completion), ...wrongKey],
    [
      'asks Anthropic’s API by a key for looking',
      post('/v1/messages', 'key-of-eyes', { ...chat, max_tokens: 4 }),
      401,
      'authentication_error',
    ],
    [
      'asks for a response by a key for looking',
      post('/v1/responses', 'key-of-eyes', { model: 'base', input: 'x' }),
      ...wrongKey,
    ],
    ['tokenizes by a key for looking', post('/v1/tokenize', 'key-of-eyes', completion), ...wrongKey],
    [
      'says that a POST is a GET',
      post('/v1/completions', 'key-of-eyes', completion, { 'x-http-method-override': 'GET' }),
      ...wrongKey,
    ],
    ['asks the base by a key for some adapters', post('/v1/completions', 'key-of-acme-1', completion), ...notFound],
    [
      'asks an adapter of others',
      post('/v1/completions', 'key-of-acme-1', { ...completion, model: 'beta/one' }),
      ...notFound,
    ],
    [
      'asks a version of others',
      post('/v1/completions', 'key-of-acme-1', { ...completion, model: 'beta/one@v1' }),
      ...notFound,
    ],
    [
      'asks an adapter of others by the base’s name',
      post('/v1/completions', 'key-of-acme-1', { ...completion, model: 'base:beta/one' }),
      ...notFound,
    ],
    [
      'climbs out of its names',
      post('/v1/completions', 'key-of-acme-1', { ...completion, model: 'acme/../beta/one' }),
      ...notFound,
    ],
    [
      'spells the name of others with a wide letter',
      post('/v1/completions', 'key-of-acme-1', { ...completion, model: 'acme∕one' }),
      ...notFound,
    ],
    [
      'names an adapter of others beside its own',
      post('/v1/completions', 'key-of-acme-1', { ...completion, model: 'acme/one', adapter_id: 'beta/one' }),
      400,
      'request_invalid',
    ],
    [
      'loads under a name of others',
      post('/v1/load_lora_adapter', 'key-of-acme-ops', { lora_name: 'beta/two', lora_path: 'acme/two' }),
      403,
      'name_outside_key',
    ],
    [
      'loads from a folder of others',
      post('/v1/load_lora_adapter', 'key-of-acme-ops', { lora_name: 'acme/two', lora_path: 'beta/one' }),
      403,
      'name_outside_key',
    ],
    [
      'removes an adapter of others',
      { method: 'DELETE', url: '/v1/adapters/beta%2Fone', headers: bearer('key-of-acme-ops') },
      404,
      'model_not_found',
    ],
    [
      'starts a roll-out of others',
      post('/v1/adapters/beta%2Fone/rollout', 'key-of-acme-ops', { candidate: 'v2' }),
      404,
      'model_not_found',
    ],
  ])('%s is refused', async (_what, request, status, code) => {
    expect(await refusalOf(request)).toEqual([status, code]);
  });
});

describe('an attempt to come from where nobody may', () => {
  const whole = (headers: Record<string, string>): InjectOptions =>
    post('/v1/completions', 'key-of-whole', completion, headers);
  const ops = (headers: Record<string, string>): InjectOptions =>
    post('/v1/adapters/acme%2Fone/drain', 'key-of-acme-ops', {}, headers);
  it.each<Attempt>([
    ['of another name', whole({ host: 'evil.example' }), 403, 'host_refused'],
    ['of a name that begins as its own', whole({ host: 'localhost.evil.example' }), 403, 'host_refused'],
    ['of a name that begins as an address', whole({ host: '127.0.0.1.evil.example' }), 403, 'host_refused'],
    ['of a name with a port', whole({ host: 'evil.example:8000' }), 403, 'host_refused'],
    ['of a name that ends with the root’s dot', whole({ host: 'evil.example.' }), 403, 'host_refused'],
    ['of a page of others', whole({ origin: 'https://evil.example' }), 403, 'origin_refused'],
    ['of a page without an origin', whole({ origin: 'null' }), 403, 'origin_refused'],
    ['of a page of a file', whole({ origin: 'file://' }), 403, 'origin_refused'],
    [
      'of a page whose name begins as its own',
      whole({ origin: 'http://localhost.evil.example' }),
      403,
      'origin_refused',
    ],
    [
      'of a form',
      { ...whole({ 'content-type': 'application/x-www-form-urlencoded' }), payload: 'model=base' },
      415,
      'content_type_unsupported',
    ],
    [
      'of plain text',
      { ...whole({ 'content-type': 'text/plain' }), payload: JSON.stringify(completion) },
      415,
      'content_type_unsupported',
    ],
    ['of a page of this machine, for administration', ops({ origin: 'http://localhost:3000' }), 403, 'origin_refused'],
    ['of a name without a dot, for administration', ops({ host: 'espalier' }), 403, 'host_refused'],
    [
      'of a page of this machine, for looking',
      { url: '/v1/adapters', headers: { ...bearer('key-of-eyes'), origin: 'http://localhost:3000' } },
      403,
      'origin_refused',
    ],
  ])('%s is refused', async (_what, request, status, code) => {
    expect(await refusalOf(request)).toEqual([status, code]);
  });

  it.each<Attempt>([
    [
      'changes',
      { method: 'POST', url: '/v1/unload_lora_adapter', payload: { lora_name: 'acme/one' } },
      403,
      'admin_key_missing',
    ],
    ['looks', { url: '/v1/adapters' }, 403, 'read_key_missing'],
    [
      'looks by a proxy of this machine',
      { url: '/v1/adapters', remoteAddress: '127.0.0.1', headers: { 'x-forwarded-for': '127.0.0.1' } },
      403,
      'read_key_missing',
    ],
    [
      'says that it is this machine',
      { url: '/v1/adapters', headers: { 'x-real-ip': '127.0.0.1' } },
      403,
      'read_key_missing',
    ],
  ])('a machine that %s at a server without keys is refused', async (_what, request, status, code) => {
    await app.close();
    await open(new KeyRing({}));
    expect(await refusalOf(request)).toEqual([status, code]);
  });
});

describe('an attempt to get past the limits', () => {
  it.each<Attempt>([
    ['again', post('/v1/completions', 'key-of-slow', completion), 429, 'rate_limit_exceeded'],
    ['by another route', post('/v1/chat/completions', 'key-of-slow', chat), 429, 'rate_limit_exceeded'],
    [
      'by a route of another API',
      post('/v1/messages', 'key-of-slow', { ...chat, max_tokens: 4 }),
      429,
      'rate_limit_error',
    ],
    [
      'by the other header',
      { ...post('/v1/completions', 'x', completion), headers: { 'x-api-key': 'key-of-slow' } },
      429,
      'rate_limit_exceeded',
    ],
    [
      'from another address',
      { ...post('/v1/completions', 'key-of-slow', completion), remoteAddress: '10.0.0.8' },
      429,
      'rate_limit_exceeded',
    ],
    [
      'as somebody else',
      post('/v1/completions', 'key-of-slow', { ...completion, user: 'other' }, { 'x-forwarded-for': '1.2.3.4' }),
      429,
      'rate_limit_exceeded',
    ],
    [
      'with a body that is none',
      { ...post('/v1/completions', 'key-of-slow', {}, { 'content-type': 'application/json' }), payload: '{' },
      429,
      'rate_limit_exceeded',
    ],
  ])('%s is refused', async (_what, request, status, code) => {
    expect(
      (await app.inject({ remoteAddress, ...post('/v1/completions', 'key-of-slow', completion) })).statusCode,
    ).toBe(200);
    context.requests.splice(0);
    expect(await refusalOf(request)).toEqual([status, code]);
  });

  it.each<[what: string, url: string, payload: object | string, status: number]>([
    ['levels', '/v1/completions', `{"model":"base","prompt":${'['.repeat(70)}${']'.repeat(70)}}`, 400],
    ['choices', '/v1/completions', { ...completion, n: 10_000 }, 400],
    ['stop texts', '/v1/completions', { ...completion, stop: Array.from({ length: 17 }, (_, i) => String(i)) }, 400],
    [
      'biases',
      '/v1/completions',
      { ...completion, logit_bias: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [i, 1])) },
      400,
    ],
    [
      'messages',
      '/v1/chat/completions',
      { ...chat, messages: Array.from({ length: 1025 }, () => chat.messages[0]) },
      400,
    ],
    [
      'fields',
      '/v1/completions',
      { ...completion, ...Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, 1])) },
      400,
    ],
    ['bytes', '/v1/completions', { ...completion, prompt: 'x'.repeat(9 * 2 ** 20) }, 413],
    ['text', '/v1/completions', { ...completion, prompt: 'x'.repeat(2 ** 20) }, 400],
    ['bytes for administration', '/v1/unload_lora_adapter', { lora_name: 'x'.repeat(2 ** 17) }, 413],
  ])('with too many %s is refused', async (_what, url, payload, status) => {
    const key = url.includes('lora') ? 'key-of-acme-ops' : 'key-of-whole';
    const headers = { 'content-type': 'application/json' };
    const [refused] = await refusalOf({ ...post(url, key, {}, headers), payload });
    expect(refused).toBe(status);
  });
});
