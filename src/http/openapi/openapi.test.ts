import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { fakeModels } from '../testing/fake-models.ts';
import { openTenants, Tenant, type TenantsApp } from '../testing/tenants.ts';
import { openApiDocument } from './document.ts';
import { operations } from './operations.ts';

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
}

interface DocumentedOperation {
  readonly operationId: string;
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
