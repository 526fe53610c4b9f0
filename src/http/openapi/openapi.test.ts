import { Ajv2020 } from 'ajv/dist/2020.js';
import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { fakeModels } from '../testing/fake-models.ts';
import { openTenants, Tenant, type TenantsApp } from '../testing/tenants.ts';
import { openApiDocument } from './document.ts';
import { openEventStream } from '../answering/event-stream.ts';
import { checkAnswer, checkEvent } from './testing/check-answer.ts';
import { operations } from './operations.ts';

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
}

interface DocumentedOperation {
  readonly operationId: string;
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>
  >;
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: object; readonly example?: object }>>;
  };
}

let server: TenantsApp;
let document: Document;

beforeAll(async () => {
  server = await openTenants({ own: new Tenant(), other: new Tenant() }, []);
  await server.app.ready();
  const { routeTable: routes } = server.app;
  document = openApiDocument({ routes, operations, version: '1' }) as unknown as Document;
});
afterAll(() => server[Symbol.asyncDispose]());

/** Every operation of the document, with its path. */
function all(): readonly [path: string, operation: DocumentedOperation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => [path, operation] as [string, DocumentedOperation]),
  );
}

describe('the document', () => {
  it('has an entry for every route, and no other', () => {
    const routes = server.app.routeTable.filter(({ method }) => method !== 'HEAD');
    expect(Object.keys(operations).toSorted()).toEqual(routes.map(({ method, url }) => `${method} ${url}`).toSorted());
  });

  it('names each operation once', () => {
    const ids = all().map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has schemas of JSON Schema 2020-12, by which its own examples are valid', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const bodies = all().flatMap(([path, { requestBody }]) =>
      Object.values(requestBody?.content ?? {}).map((body) => ({ path, ...body })),
    );
    const wrong = bodies.filter(({ schema, example }) => {
      const validate = ajv.compile(schema);
      return example !== undefined && !validate(example);
    });
    expect([bodies.length > 20, wrong]).toEqual([true, []]);
  });

  it('has a schema of JSON Schema 2020-12 for every answer in JSON, but its own', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const answers = all().flatMap(([path, { responses }]) => {
      const json = responses['2XX']?.content['application/json'];
      return json === undefined ? [] : [{ path, schema: json.schema }];
    });
    for (const { schema } of answers) ajv.compile(schema);
    const open = answers.filter(({ schema }) => Object.keys(schema).length === 0).map(({ path }) => path);
    expect([answers.length > 60, open]).toEqual([true, ['/openapi.json']]);
  });

  it('says of answers what clients may rely on, and leaves room for more', () => {
    const { schema } = document.paths['/v1/models']?.['get']?.responses['2XX']?.content['application/json'] ?? {};
    const validate = new Ajv2020({ strict: false }).compile(schema ?? false);
    const model = { id: 'base', object: 'model', created: 1, owned_by: 'x', root: 'base', parent: null };
    const list = (...data: object[]): object => ({ object: 'list', data });
    expect(validate(list({ ...model, max_model_len: 64, colour: 'green' }))).toBe(true);
    expect(validate(list(model))).toBe(false);
  });

  // What test/told-answers.ts does with every answer of every test.
  it.each([
    ['a field that is missing', { status: 'ready', ending: false, damaged: false }],
    ['a field of another type', { status: 'ready', ending: 'no', damaged: false, missing_adapters: [] }],
    ['a field that is not told', { status: 'ready', ending: false, damaged: false, missing_adapters: [], more: 1 }],
  ])('is compared with real answers: %s is seen', (_, answer) => {
    expect(() => checkAnswer('GET /health/ready', JSON.stringify(answer))).toThrow(/the document says otherwise/);
  });

  it('is compared with what every server of every test answers', async () => {
    const lying = Fastify();
    lying.get('/health', () => ({ status: 'well' }));
    const answer = await lying.inject({ url: '/health' });
    await lying.close();
    expect([answer.statusCode, answer.body]).toEqual([500, expect.stringContaining('says otherwise of GET /health')]);
  });

  it('has a schema of JSON Schema 2020-12 for the events of every stream', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const streams = all().flatMap(([path, { responses }]) => {
      const events = responses['2XX']?.content['text/event-stream'];
      return events === undefined ? [] : [{ path, validate: ajv.compile(events.schema) }];
    });
    const chat = streams.find(({ path }) => path === '/v1/chat/completions');
    expect([chat?.validate('[DONE]'), chat?.validate('[END]')]).toEqual([true, false]);
    expect(streams.map(({ path }) => path).toSorted()).toEqual([
      '/v1/chat/completions',
      '/v1/completions',
      '/v1/events',
      '/v1/messages',
      '/v1/responses',
    ]);
  });

  it.each([
    ['a field that is missing', 'event: message_start\ndata: {"type":"message_start"}'],
    ['a field that is not told', 'event: ping\ndata: {"type":"ping","more":1}'],
    ['a kind that is not told', 'event: pong\ndata: {"type":"pong"}'],
    ['another name', 'event: pong\ndata: {"type":"ping"}'],
  ])('is compared with real events: %s is seen', (_, event) => {
    checkEvent('POST /v1/messages', 'event: ping\ndata: {"type":"ping"}');
    checkEvent('POST /v1/messages', ': ping');
    expect(() => checkEvent('POST /v1/messages', event)).toThrow(/says otherwise|has the name/);
  });

  it('is compared with the events that every server of every test sends', async () => {
    const lying = Fastify();
    lying.post('/v1/messages', (_, reply) => {
      reply.hijack();
      const stream = openEventStream(reply.raw, {});
      void stream.send({ name: 'ping', data: { type: 'ping' } });
      void stream.send({ name: 'pong', data: { type: 'pong' } });
      stream.end();
    });
    await lying.inject({ method: 'POST', url: '/v1/messages' });
    await lying.close();
    const { toldEvents = [] } = globalThis as { toldEvents?: { route: string; event: string }[] };
    const check = (): void => toldEvents.splice(0).forEach(({ route, event }) => checkEvent(route, event));
    expect(check).toThrow(/says otherwise of POST .v1.messages \(events\).*event: pong/s);
  });

  it('says by its schemas what a server refuses', () => {
    const schema = document.paths['/v1/chat/completions']?.['post']?.requestBody?.content['application/json']?.schema;
    const validate = new Ajv2020({ strict: false }).compile(schema ?? false);
    expect(validate({ model: 'base', messages: [], temperature: 3 })).toBe(false);
    expect(validate({ messages: [] })).toBe(false);
  });
});

describe('a server', () => {
  const context = fakeContext();
  const app = createApp(context, { generation: context, inference: fakeModels() });
  afterAll(() => app.close());

  it('tells of its own routes', async () => {
    const answer = await app.inject({ url: '/openapi.json' });
    const told = answer.json<Document>();
    expect([answer.statusCode, told.openapi]).toEqual([200, '3.1.0']);
    expect(Object.keys(told.paths)).toContain('/v2/models/{name}/infer');
    expect(Object.keys(told.paths)).not.toContain('/v1/embeddings');
  });

  it('takes the examples', async () => {
    await app.ready();
    const own = new Set(app.routeTable.map(({ method, url }) => `${method} ${url}`));
    for (const [route, { example, tag }] of Object.entries(operations)) {
      const [method = '', url = ''] = route.split(' ');
      if (example === undefined || !own.has(route) || tag === 'Adapters') continue;
      const path = url.replace(':name', 'echo').replace(':version', '1');
      const answer = await app.inject({ method: method as 'POST', url: path, payload: example });
      expect([route, answer.statusCode, answer.body.slice(0, 200)]).toEqual([route, 200, expect.anything()]);
    }
  });
});
