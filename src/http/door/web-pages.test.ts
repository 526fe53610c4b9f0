import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createApp, type AppOptions } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { fakeModels } from '../testing/fake-models.ts';
import { listenRaw, type RawAnswer, type RawRequest } from '../testing/raw-request.ts';

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

async function open(options: AppOptions = {}): Promise<(asked: RawRequest) => Promise<RawAnswer>> {
  const context = fakeContext({ adapters: ['strict'] });
  const services = { generation: context, inference: fakeModels(context.adapters) };
  app = createApp(context, services, options);
  return listenRaw(app);
}

const json = { 'content-type': 'application/json' };
const unload = { method: 'POST', path: '/v1/unload_lora_adapter', body: '{"lora_name":"strict"}' } as const;
const unloadV2 = { method: 'POST', path: '/v2/models/echo/adapters/strict/unload' } as const;
const complete = { method: 'POST', path: '/v1/completions', body: '{"model":"base","prompt":"a"}' } as const;

describe('the name by which a server is called', () => {
  it.each(['evil.example', 'evil.example:8000', 'localhost.evil.example', '127.0.0.1.evil.example', 'evil.example.'])(
    'refuses %s',
    async (host) => {
      const send = await open();
      for (const asked of [unload, unloadV2, complete, { path: '/v1/models' }, { path: '/v2' }]) {
        const { status, text } = await send({ ...asked, headers: { ...json, host } });
        expect([asked.path, status, text]).toEqual([
          asked.path,
          403,
          expect.stringContaining('start the server with --allowed-hosts'),
        ]);
      }
      expect((await send({ path: '/health', headers: { host } })).status).toBe(200);
    },
  );

  it.each(['localhost', 'LocalHost:8000', 'a.localhost', '127.0.0.1:1', '[::1]:8000', '192.0.2.7', '[2001:db8::1]'])(
    'takes %s',
    async (host) => {
      const send = await open();
      expect((await send({ ...unload, headers: { ...json, host } })).status).toBe(200);
    },
  );

  it('takes a name without a dot for inference, and not for administration', async () => {
    const send = await open();
    const headers = { ...json, host: 'espalier:8000' };
    expect((await send({ ...complete, headers })).status).toBe(200);
    expect((await send({ ...unload, headers })).status).toBe(403);
  });

  it('takes the name that it listens on and those that are allowed', async () => {
    const send = await open({ host: 'gpu.example', allowedHosts: ['api.example.com'] });
    for (const host of ['gpu.example:8000', 'api.example.com']) {
      expect((await send({ ...complete, headers: { ...json, host } })).status).toBe(200);
    }
    expect((await send({ ...complete, headers: { ...json, host: 'other.example' } })).status).toBe(403);
  });

  it('may be any name where that is said', async () => {
    const send = await open({ allowedHosts: ['*'] });
    expect((await send({ ...unload, headers: { ...json, host: 'any.example' } })).status).toBe(200);
  });
});

describe('web pages of other origins', () => {
  const types = [
    'text/plain',
    'text/plain;application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
  ];

  it.each(['http://evil.example', 'https://localhost.evil.example', 'null', 'file://', 'http://192.0.2.7'])(
    'of %s cannot load or unload adapters, nor ask for answers',
    async (origin) => {
      const send = await open();
      for (const asked of [unload, unloadV2, complete]) {
        const answer = await send({ ...asked, headers: { ...json, origin } });
        expect([asked.path, answer.status]).toEqual([asked.path, 403]);
        expect(answer.headers['access-control-allow-origin']).toBeUndefined();
      }
      const asked = { origin, 'access-control-request-method': 'POST' };
      const preflight = await send({ method: 'OPTIONS', path: unload.path, headers: asked });
      expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([403, undefined]);
    },
  );

  it.each(types)('cannot send %s, which needs no leave, even without an origin', async (type) => {
    const send = await open();
    for (const asked of [unload, { ...unloadV2, body: '{}' }, { ...unloadV2, body: '' }, complete]) {
      const { status } = await send({ ...asked, headers: { 'content-type': type } });
      expect([asked.path, status]).toEqual([asked.path, 415]);
    }
    const infer = { method: 'POST', path: '/v2/models/echo/infer', body: '{}' };
    expect((await send({ ...infer, headers: { 'content-type': type } })).status).toBe(415);
  });

  it('cannot send a body without a type, or as bytes, to administration', async () => {
    const send = await open();
    const load = { method: 'POST', path: '/v2/models/echo/adapters/strict/load', body: '{"path":"x"}' };
    expect((await send(load)).status).toBe(415);
    expect((await send({ ...load, headers: { 'content-type': 'application/octet-stream' } })).status).toBe(415);
  });

  it('leaves clients that send tensors as bytes what they have', async () => {
    const send = await open();
    const head = JSON.stringify({
      inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } }],
    });
    const length = { 'inference-header-content-length': String(head.length) };
    const infer = { method: 'POST', path: '/v2/models/echo/infer', body: `${head}${'\0'.repeat(8)}` };
    for (const type of [{}, { 'content-type': 'application/octet-stream' }]) {
      const { status, text } = await send({ ...infer, headers: { ...length, ...type } });
      expect([status, JSON.parse(text)]).toMatchObject([200, { outputs: [{ name: 'y', data: [0, 0] }] }]);
    }
  });
});

describe('web pages that may call the server', () => {
  const origin = 'https://chat.example.com';

  it('are answered with the headers that let them read, streams too', async () => {
    const send = await open({ allowedOrigins: [origin] });
    const headers = { ...json, origin };
    const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization, x-own' };
    const preflight = await send({ method: 'OPTIONS', path: complete.path, headers: { origin, ...asked } });
    expect([preflight.status, preflight.headers]).toMatchObject([
      204,
      { 'access-control-allow-origin': origin, 'access-control-allow-headers': 'authorization, x-own' },
    ]);
    const body = '{"model":"base","prompt":"a","stream":true}';
    for (const answer of [await send({ ...complete, headers }), await send({ ...complete, headers, body })]) {
      expect([answer.status, answer.headers]).toMatchObject([
        200,
        { 'access-control-allow-origin': origin, vary: 'origin' },
      ]);
      expect(answer.headers['access-control-expose-headers']).toContain('retry-after, retry-after-ms');
    }
    expect((await send({ ...unload, headers })).status).toBe(200);
  });

  it('of loopback names may ask for answers, and may not load or unload adapters', async () => {
    const send = await open();
    for (const page of ['http://localhost:3000', 'http://127.0.0.1:5173', 'http://[::1]:1']) {
      const headers = { ...json, origin: page };
      expect((await send({ ...complete, headers })).headers['access-control-allow-origin']).toBe(page);
      expect((await send({ ...unload, headers })).status).toBe(403);
    }
  });

  it('of the server itself may do all', async () => {
    const send = await open();
    const headers = { ...json, host: 'localhost:8000', origin: 'http://localhost:8000' };
    expect((await send({ ...unload, headers })).status).toBe(200);
  });

  it('may be given their answer without a key by no preflight', async () => {
    const context = fakeContext({ apiKey: 'secret' });
    app = createApp(context, { generation: context }, { allowedOrigins: [origin] });
    const send = await listenRaw(app);
    const preflight = { origin, 'access-control-request-method': 'GET' };
    expect((await send({ method: 'OPTIONS', path: '/v1/models', headers: preflight })).status).toBe(204);
    expect((await send({ path: '/v1/models', headers: preflight })).status).toBe(401);
  });
});
