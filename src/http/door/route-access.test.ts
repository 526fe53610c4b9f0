import { fastify, type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { crossSection } from '../../core/testing/cross-section.ts';
import { AdapterRegistry, createAdapterControl, Router } from '../../routing/index.ts';
import { FakeArena } from '../../routing/testing/fake-arena.ts';
import { Rollouts } from '../../service/rollouts/rollouts.ts';
import type { ResidentAdapter } from '../../batching/index.ts';
import { ServerMetrics } from '../../telemetry/index.ts';
import { dashboardFiles } from '../dashboard/routes.ts';
import { EventLog } from '../observe/event-log.ts';
import { RolloutTrail } from '../observe/rollout-trail.ts';
import { createApp } from '../app.ts';
import { fakeContext, type FakeContext } from '../testing/fake-context.ts';
import { fakeFleet } from '../testing/fake-fleet.ts';
import { fakeJobs } from '../testing/fake-jobs.ts';
import { fakeModels } from '../testing/fake-models.ts';
import { listenRaw } from '../testing/raw-request.ts';
import { requireAccess } from './access.ts';

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

const keys = { apiKey: 'secret', adminKey: 'admin-secret' };

/** An application with every route that there is. */
function wholeApp(context: FakeContext = fakeContext({ apiKey: keys.apiKey, adapters: ['strict'] })): FastifyInstance {
  const embedder = { embed: () => Promise.resolve([]), maxLength: 64 };
  const router = new Router<ResidentAdapter>({ baseName: 'base', registry: undefined });
  const embeddings = { ...context, router, embedder, width: 2 };
  const rerank = { ...context, router, scorer: { score: () => Promise.resolve([]), maxLength: 64 } };
  const registry = new AdapterRegistry(new FakeArena());
  const control = createAdapterControl({ registry, baseName: 'base' });
  const rollouts = new Rollouts({ registry });
  void rollouts[Symbol.asyncDispose]();
  const services = {
    generation: { ...context, control, rollouts, audit: { page: async () => ({ records: [], before: undefined }) } },
    embeddings,
    rerank,
    jobs: fakeJobs(),
    fleet: fakeFleet(),
    inference: fakeModels(context.adapters),
  };
  const loop = { take: () => ({ p50: 0, p99: 0, max: 0 }), [Symbol.dispose]: () => undefined };
  const metrics = new ServerMetrics({ version: '1', loop });
  const events = new EventLog();
  const trail = new RolloutTrail({ list: () => [], timers: { after: () => () => undefined } });
  for (const one of [metrics, events, trail]) one[Symbol.dispose]();
  app = createApp(context, services, { adminKey: keys.adminKey, metrics, events, trail });
  return app;
}

const concrete = (url: string): string =>
  url.replace(':id', 'base').replace(':name', 'echo').replace(':version', '1').replace(':adapter', 'strict');

/** Other spellings of a path, of which some lead a router or a proxy to the same place. */
function spellingsOf(path: string): string[] {
  const encoded = (text: string): string => `%${text.charCodeAt(0).toString(16)}`;
  const letters = [...path];
  const first = letters.findIndex((letter) => /[a-z]/.test(letter));
  const one = letters.with(first, encoded(letters[first] ?? '')).join('');
  const last = path.slice(0, -1) + encoded(path.at(-1) ?? '');
  return [
    one,
    one.replace(/%\w\w/, (code) => code.toUpperCase()),
    last,
    letters.map((letter) => (letter === '/' ? letter : encoded(letter))).join(''),
    `/${path}`,
    path.replaceAll('/', '//'),
    path.replace(/\/(\w+)$/, '//$1'),
    `/.${path}`,
    `/%2e${path}`,
    `/x/..${path}`,
    `/health/..${path}`,
    `/health/%2e%2e${path}`,
    path.replace(/\/(\w+)$/, '/./$1'),
    path.toUpperCase(),
    path.replace(/\/(\w)/, (text) => text.toUpperCase()),
    `${path}/`,
    `${path}//`,
    `${path}?a=1`,
    `${path}?`,
    `${path};a=1`,
    `${path}%2f`,
    `${path}%3fa`,
    `${path}%00`,
    `${path}%20`,
    `${path}%zz`,
    path.replace(/(.)\/(\w+)$/, '$1%2F$2'),
    `/${path.slice(1).replaceAll('/', '\\')}`,
    `http://localhost${path}`,
    `http://localhost/health/..${path}`,
  ];
}

describe('the access of routes', () => {
  it('is said by every route, and changed knowingly', async () => {
    const table = wholeApp();
    await table.ready();
    const rows = table.routeTable.filter(({ method }) => method !== 'HEAD');
    const of = (access: string): string[] =>
      rows.filter((row) => row.access === access).map(({ method, url }) => `${method} ${url}`);
    expect(of('public').toSorted()).toEqual([
      'GET /dashboard',
      'GET /dashboard/',
      ...dashboardFiles.map((name) => `GET /dashboard/${name}`).toSorted(),
      'GET /health',
      'GET /health/ready',
      'GET /ready',
      'GET /v2/health/live',
      'GET /v2/health/ready',
    ]);
    expect(of('admin').toSorted()).toEqual([
      'DELETE /v1/adapters/:name',
      'DELETE /v1/adapters/:name/noise',
      'DELETE /v1/adapters/:name/rollout',
      'DELETE /v1/files/:id',
      'DELETE /v1/models/*',
      'DELETE /v1/models/:id',
      'PATCH /v1/adapters/:name',
      'PATCH /v1/adapters/:name/rollout',
      'POST /v1/adapters',
      'POST /v1/adapters/:name/drain',
      'POST /v1/adapters/:name/noise',
      'POST /v1/adapters/:name/pin',
      'POST /v1/adapters/:name/publish',
      'POST /v1/adapters/:name/resume',
      'POST /v1/adapters/:name/rollback',
      'POST /v1/adapters/:name/rollout',
      'POST /v1/adapters/:name/unpin',
      'POST /v1/files',
      'POST /v1/fine_tuning/jobs',
      'POST /v1/fine_tuning/jobs/:id/cancel',
      'POST /v1/fine_tuning/jobs/:id/pause',
      'POST /v1/fine_tuning/jobs/:id/resume',
      'POST /v1/fleet/apply',
      'POST /v1/fleet/diff',
      'POST /v1/fleet/pause',
      'POST /v1/fleet/resume',
      'POST /v1/load_lora_adapter',
      'POST /v1/unload_lora_adapter',
      'POST /v2/models/:name/adapters/:adapter/load',
      'POST /v2/models/:name/adapters/:adapter/unload',
      'PUT /v1/adapters/:name',
    ]);
    expect(of('read').toSorted()).toEqual([
      'GET /v1/adapters',
      'GET /v1/adapters/:name',
      'GET /v1/adapters/:name/noise',
      'GET /v1/adapters/:name/rollout',
      'GET /v1/adapters/:name/rollout/evidence',
      'GET /v1/audit',
      'GET /v1/events',
      'GET /v1/files',
      'GET /v1/files/:id',
      'GET /v1/files/:id/content',
      'GET /v1/fine_tuning/jobs',
      'GET /v1/fine_tuning/jobs/:id',
      'GET /v1/fine_tuning/jobs/:id/checkpoints',
      'GET /v1/fine_tuning/jobs/:id/events',
      'GET /v1/fleet',
      'GET /v1/rollouts',
      'GET /v1/stats',
    ]);
    expect(of('inference').toSorted()).toEqual([
      'DELETE /v1/responses/:id',
      'GET /metrics',
      'GET /openapi.json',
      'GET /v1/models',
      'GET /v1/models/*',
      'GET /v1/models/:id',
      'GET /v1/responses/:id',
      'GET /v1/responses/:id/input_items',
      'GET /v2',
      'GET /v2/models/:name',
      'GET /v2/models/:name/adapters',
      'GET /v2/models/:name/ready',
      'GET /v2/models/:name/versions/:version',
      'GET /v2/models/:name/versions/:version/ready',
      'POST /detokenize',
      'POST /tokenize',
      'POST /v1/chat/completions',
      'POST /v1/completions',
      'POST /v1/detokenize',
      'POST /v1/embeddings',
      'POST /v1/messages',
      'POST /v1/messages/count_tokens',
      'POST /v1/rerank',
      'POST /v1/responses',
      'POST /v1/responses/:id/cancel',
      'POST /v1/tokenize',
      'POST /v2/models/:name/infer',
      'POST /v2/models/:name/versions/:version/infer',
      'POST /v2/repository/index',
    ]);
  });

  it('must be said: a route without it is refused when it is registered', () => {
    const bare = fastify();
    requireAccess(bare);
    expect(() => bare.get('/open', () => 'secret')).toThrow('The route GET /open must say its access');
  });

  it('is the same under every spelling of a path', async () => {
    const whole = wholeApp();
    const send = await listenRaw(whole);
    const answered: string[] = [];
    for (const { method, url, access } of whole.routeTable) {
      const path = concrete(url);
      const plain = await send({ method, path });
      expect([method, url, plain.status === 401]).toEqual([method, url, access !== 'public']);
      for (const spelling of crossSection(spellingsOf(path), 4)) {
        const { status } = await send({ method, path: spelling });
        // A public route may answer under another spelling; whatever it leads to, nothing else may.
        if (status !== 401 && (access !== 'public' || status >= 400)) answered.push(`${method} ${spelling}: ${status}`);
      }
    }
    expect(answered).toEqual([]);
  });

  it('of administration is not opened by the key for inference, under any spelling', async () => {
    const context = fakeContext({ apiKey: keys.apiKey, adapters: ['strict'] });
    const whole = wholeApp(context);
    const send = await listenRaw(whole);
    const headers = { authorization: `Bearer ${keys.apiKey}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ lora_name: 'strict', lora_path: 'strict', load_inplace: true });
    for (const { method, url, access } of whole.routeTable) {
      if (access !== 'admin') continue;
      for (const path of [concrete(url), ...spellingsOf(concrete(url))]) {
        const { status } = await send({ method, path, headers, body });
        expect([path, [400, 401, 404, 405].includes(status)]).toEqual([path, true]);
      }
    }
    expect(context.adapters.list().map(({ name }) => name)).toEqual(['strict']);
  });
});

describe('a path that is known', () => {
  const headers = { authorization: 'Bearer admin-secret' };

  it('says by which methods, whichever other one came', async () => {
    const whole = wholeApp();
    await whole.ready();
    const urls = new Set(whole.routeTable.map(({ url }) => url));
    for (const url of urls) {
      const own = whole.routeTable.filter((route) => route.url === url).map(({ method }) => method);
      const others = whole.supportedMethods.filter((method) => !own.includes(method));
      expect(others).toContain('TRACE');
      for (const method of others) {
        const answer = await whole.inject({ method: method as 'GET', url: concrete(url), headers });
        expect([method, url, answer.statusCode, answer.headers['allow']]).toEqual([
          method,
          url,
          405,
          own.toSorted().join(', '),
        ]);
      }
    }
  });

  it('in the form of the API', async () => {
    const whole = wholeApp();
    const chat = await whole.inject({ url: '/v1/chat/completions?a=1', headers });
    expect(chat.json()).toEqual({
      error: {
        message: '/v1/chat/completions?a=1 takes POST, not GET.',
        type: 'invalid_request_error',
        param: null,
        code: 'method_not_allowed',
      },
    });
    const infer = await whole.inject({ url: '/v2/models/echo/infer', headers });
    expect(infer.json()).toEqual({ error: '/v2/models/echo/infer takes POST, not GET.' });
  });
});

describe('a path that is not known', () => {
  const hintFor = async (url: string): Promise<string | undefined> => {
    const answer = await wholeApp().inject({ method: 'POST', url, headers: { authorization: 'Bearer secret' } });
    expect(answer.statusCode).toBe(404);
    return /did you mean (.*)\?\)/.exec(answer.json<{ error: { message: string } }>().error.message)?.[1];
  };

  it.each([
    ['/chat/completions', 'POST /v1/chat/completions'],
    ['/v1/v1/chat/completions', 'POST /v1/chat/completions'],
    ['/v1/chat/completions/', 'POST /v1/chat/completions'],
    ['/v1/chat/completion', 'POST /v1/chat/completions'],
    ['/responses', 'POST /v1/responses'],
    ['/models', 'GET /v1/models'],
    ['/v1/images/generations', undefined],
    [`/${'x'.repeat(5000)}`, undefined],
  ])('%s says which was meant: %s', async (url, meant) => {
    expect(await hintFor(url)).toBe(meant);
  });
});

describe('keys', () => {
  it.each<[headers: Record<string, string>, problem: string | undefined]>([
    [{ authorization: 'Bearer secret' }, undefined],
    [{ authorization: 'bearer secret' }, undefined],
    [{}, 'missing'],
    [{ 'x-api-key': 'secret' }, undefined],
    [{ 'x-api-key': '' }, 'missing'],
    [{ 'x-api-key': 'other' }, 'wrong'],
    [{ authorization: 'Bearer other', 'x-api-key': 'secret' }, 'wrong'],
    [{ authorization: 'secret' }, 'not sent as a bearer token'],
    [{ authorization: 'Bearersecret' }, 'not sent as a bearer token'],
    [{ authorization: 'Basic secret' }, 'not sent as a bearer token'],
    [{ authorization: 'Bearer ' }, 'not sent as a bearer token'],
    [{ authorization: 'Bearer Bearer secret' }, 'wrong'],
  ])('come as a bearer token or alone: %j is %s', async (headers, problem) => {
    const answer = await wholeApp().inject({ url: '/v1/models', headers });
    expect(answer.statusCode).toBe(problem === undefined ? 200 : 401);
    expect(answer.headers['www-authenticate']).toBe(problem === undefined ? undefined : 'Bearer');
    expect(/The API key is ([^.]*)\. Send it as/.exec(answer.body)?.[1]).toBe(problem);
  });

  const load = { method: 'POST', path: '/v1/unload_lora_adapter', body: '{"lora_name":"strict"}' } as const;
  const json = { 'content-type': 'application/json' };
  const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}`, ...json });

  it('for administration opens the other routes too, and that for inference says what it lacks', async () => {
    const send = await listenRaw(wholeApp());
    expect((await send({ path: '/v1/models', headers: bearer('admin-secret') })).status).toBe(200);
    const refused = await send({ ...load, headers: bearer('secret') });
    expect([refused.status, refused.text]).toEqual([401, expect.stringContaining('not that for administration')]);
    expect((await send({ ...load, headers: bearer('admin-secret') })).status).toBe(200);
  });

  it('for administration alone leaves inference open', async () => {
    const context = fakeContext({ adapters: ['strict'] });
    app = createApp(context, { generation: context }, { adminKey: 'admin-secret' });
    const send = await listenRaw(app);
    expect((await send({ path: '/v1/models' })).status).toBe(200);
    expect((await send({ ...load, headers: json })).status).toBe(401);
    expect((await send({ path: '/v1/nothing' })).status).toBe(401);
  });

  it('are needed for unknown routes too', async () => {
    const send = await listenRaw(wholeApp());
    for (const path of ['/', '/nothing', '/v1', '/v3/models', '/metric']) {
      expect([path, (await send({ path })).status]).toEqual([path, 401]);
      expect([path, (await send({ path, headers: bearer('secret') })).status]).toEqual([path, 404]);
    }
  });
});
