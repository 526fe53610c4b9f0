import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { describe, expect, it } from 'vitest';
import type { RouteEntry } from '../door/access.ts';
import { openTenants, Tenant } from '../testing/tenants.ts';
import type { NamedKey } from './key-ring.ts';
import type { Role } from './role.ts';
import { createScope, everyName, type Scope } from './scope.ts';

/** What a tenant asks for: names in every place of a request. */
interface Names {
  /** Of the base. */
  readonly name: string;
  readonly model: string;
  /** Of the model `echo`. */
  readonly adapter: string;
}

const namesOf = ({ adapters: [name = ''], model, modelAdapter: adapter }: Tenant): Names => ({ name, model, adapter });

/** Names that differ in one letter, which a hint would mend. */
function misspelt({ name, model, adapter }: Names): Names {
  const wrong = (text: string): string => text.slice(0, -1) + (text.endsWith('x') ? 'y' : 'x');
  return { name: wrong(name), model: wrong(model), adapter: wrong(adapter) };
}

/** Names as long as those of tenants, which nobody has. */
function strange(): Names {
  const word = (): string => `n${randomBytes(6).toString('hex')}`;
  return { name: `${word()}/${word()}`, model: word(), adapter: word() };
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: object | string | undefined;
}

/** Bodies with these names, for the routes that take one. The first that fits the end of a URL counts. */
function bodiesFor(url: string, { name, adapter }: Names, own: Names): (object | string)[] {
  const tensors = [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] }];
  const bodies: readonly (readonly [end: string, bodies: (object | string)[]])[] = [
    ['/chat/completions', [{ model: name, messages: [{ role: 'user', content: 'x' }] }]],
    ['/completions', [{ model: name, prompt: 'x' }]],
    ['/embeddings', [{ model: name, input: 'x' }]],
    ['/rerank', [{ model: name, query: 'x', documents: ['x'] }]],
    ['/messages', [{ model: name, max_tokens: 1, messages: [{ role: 'user', content: 'x' }] }]],
    ['/count_tokens', [{ model: name, messages: [{ role: 'user', content: 'x' }] }]],
    ['/detokenize', [{ model: name, tokens: [120] }]],
    ['/tokenize', [{ model: name, prompt: 'x' }]],
    ['/load_lora_adapter', [name, own.name].map((as) => ({ lora_name: as, lora_path: name, load_inplace: true }))],
    ['/unload_lora_adapter', [{ lora_name: name }]],
    ['/v1/adapters', [formOf(name)]],
    ['/adapters/:name', [{}, { version: 'v2' }]],
    ['/publish', [{ version: 'v2' }]],
    ['/rollout', [{ candidate: 'v3' }, { action: 'abort' }]],
    ['/infer', [undefined, adapter].map((chosen) => ({ parameters: { adapter: chosen }, inputs: tensors }))],
    ['/load', [{ path: name }, { path: adapter }]],
  ];
  return bodies.find(([end]) => url.endsWith(end))?.[1] ?? [{}];
}

/** Everything that is asked of a route with these names. */
function requestsFor({ method, url }: RouteEntry, names: Names, own: Names): Asked[] {
  const { name, model, adapter } = names;
  const isModel = url.startsWith('/v2');
  const places = (isModel ? [model, `echo:${adapter}`, 'echo'] : [name]).map((place) =>
    url
      .replace(/:name|:id/, encodeURIComponent(place))
      .replace('*', place)
      .replace(':version', '1')
      .replace(':adapter', encodeURIComponent(adapter)),
  );
  const takesBody = method !== 'GET' && method !== 'HEAD';
  const bodies = takesBody ? bodiesFor(url, names, own) : [undefined];
  return [...new Set(places)].flatMap((place) => bodies.map((body) => ({ method, url: place, body })));
}

/** An upload of one file, as a form. */
function formOf(name: string): string {
  const part = (head: string, text: string): string =>
    `--b\r\ncontent-disposition: form-data; ${head}\r\n\r\n${text}\r\n`;
  return `${part('name="name"', name)}${part('name="file"; filename="a.json"', '{}')}--b--\r\n`;
}

async function ask(app: FastifyInstance, { method, url, body }: Asked, key: string | undefined): Promise<string> {
  const type = typeof body === 'string' ? 'multipart/form-data; boundary=b' : 'application/json';
  const headers = { host: 'localhost', 'content-type': type, ...(key && { authorization: `Bearer ${key}` }) };
  const answer = await app.inject({ method: method as 'GET', url, headers, ...(body && { payload: body }) });
  const { 'x-request-id': id, date: _date, ...told } = answer.headers;
  // Anthropic's errors name the request in other places too.
  // What is counted and timed is another number each time.
  const text = /^\/metrics|^\/v1\/stats/.test(url) ? withoutNumbers(answer.body) : answer.body;
  return `${answer.statusCode} ${JSON.stringify(told)} ${text}`.replaceAll(String(id), 'ID');
}

/** Each series once, and the figures without their values. */
function withoutNumbers(body: string): string {
  const lines = body.split('\n').map((line) => line.replaceAll(/(?<=[ :])[\d.e+-]+(?=[,}\]]|$)|"time":"[^"]*"/g, '0'));
  const isOfRequests = (line: string): boolean => /^espalier_http_|^process_|^nodejs_/.test(line);
  return [...new Set(lines.filter((line) => !isOfRequests(line)))].join('\n');
}

/** Reading routes first, and those that remove names last. */
function ordered(table: readonly RouteEntry[]): RouteEntry[] {
  const rank = ({ method, url }: RouteEntry): number =>
    method === 'DELETE' || url.includes('unload')
      ? 3
      : method === 'GET' || method === 'HEAD'
        ? 0
        : /adapter/.test(url)
          ? 2
          : 1;
  return table.toSorted((a, b) => rank(a) - rank(b));
}

interface Found {
  /** Requests whose answers have a name of the other tenant, or of the base, that was not in the request. */
  readonly leaks: readonly string[];
  /** Requests for names of the other tenant that are not answered as those for names that nobody has. */
  readonly differences: readonly string[];
  /** Adapters that the key may not change, as they were and as they are. */
  readonly others: readonly [before: readonly string[], after: readonly string[]];
  /** How many answers were successes. */
  readonly successes: number;
}

interface Setting {
  readonly role: Role;
  /** What the key may see, if it is broken. */
  readonly broken?: ((own: Tenant, other: Tenant) => Scope) | undefined;
  readonly prepare?: (app: FastifyInstance, other: Tenant) => void;
}

/** Asks everything of every route, with the key of one tenant, and looks for the other's names. */
async function search({ role, broken, prepare }: Setting, key: (own: Tenant) => string | undefined): Promise<Found> {
  const [own, other] = [new Tenant(), new Tenant()];
  const keys: NamedKey[] = [own.named(role, broken?.(own, other)), other.named('admin')];
  await using server = await openTenants({ own, other }, keys);
  const { app, baseName } = server;
  const before = server.others();
  prepare?.(app, other);
  await app.ready();
  const [leaks, differences]: [string[], string[]] = [[], []];
  let successes = 0;
  const secrets = [...other.secrets, baseName];
  const note = (asked: Asked, answer: string): void => {
    const sent = `${decodeURIComponent(asked.url)} ${JSON.stringify(asked.body)}`;
    if (answer.startsWith('2')) successes++;
    const told = secrets.filter((secret) => !sent.includes(secret) && answer.includes(secret));
    if (told.length > 0) leaks.push(`${asked.method} ${asked.url} ${JSON.stringify(asked.body)}: ${answer}`);
  };
  for (const route of ordered(app.routeTable)) {
    const shared = { ...namesOf(own), name: 'shared' };
    for (const names of [misspelt(namesOf(other)), shared, namesOf(own), misspelt(namesOf(own))]) {
      for (const asked of requestsFor(route, names, namesOf(own))) note(asked, await ask(app, asked, key(own)));
    }
    const [hidden, unknown] = [namesOf(other), strange()];
    const unknowns = requestsFor(route, unknown, namesOf(own));
    for (const [at, asked] of requestsFor(route, hidden, namesOf(own)).entries()) {
      const answer = await ask(app, asked, key(own));
      note(asked, answer);
      const without = unknowns[at];
      const expected = without && masked(await ask(app, without, key(own)), unknown);
      if (masked(answer, hidden) !== expected)
        differences.push(`${asked.method} ${asked.url}: ${answer} | ${expected}`);
    }
  }
  return { leaks, differences, others: [before, server.others()], successes };
}

/** An answer without what is different in every answer, and without the names that were asked for. */
function masked(answer: string, { name, model, adapter }: Names): string {
  return [name, encodeURIComponent(name), model, adapter]
    .reduce((text, word) => text.replaceAll(word, 'NAME'), answer)
    .replaceAll(/(cmpl-|chatcmpl-)[\w-]+/g, '$1ID')
    .replaceAll(/"content-length":"?\d+"?|"created":\d+/g, '');
}

describe('a key for some names', () => {
  it.each<Setting & { readonly what: string; readonly least: number }>([
    { what: 'for inference', role: 'infer', least: 20 },
    { what: 'for looking', role: 'read', least: 10 },
    { what: 'for administration', role: 'admin', least: 40 },
  ])(
    '$what is never told another name, and gets no other answer for it than for one that nobody has',
    async (setting) => {
      const { leaks, differences, others, successes } = await search(setting, ({ key }) => key);
      expect([leaks, differences]).toEqual([[], []]);
      expect(others[1]).toEqual(others[0]);
      expect(successes).toBeGreaterThan(setting.least);
    },
  );

  it.each([
    { what: 'no key', key: () => undefined },
    { what: 'a wrong key', key: () => 'wrong-key' },
  ])('tells nothing to $what', async ({ key }) => {
    expect(await search({ role: 'infer' }, key)).toMatchObject({ leaks: [], differences: [] });
  });

  it('is told every name if it is for all of them', async () => {
    const { leaks } = await search({ role: 'admin', broken: () => everyName }, ({ key }) => key);
    expect(leaks.length).toBeGreaterThan(20);
  });
});

describe('the search for names', () => {
  it.each<[what: string, broken: NonNullable<Setting['broken']>]>([
    ['one adapter too many', (own, other) => createScope([...own.listed, other.adapters[0] ?? ''])],
    ['one model too many', (own, other) => createScope([...own.listed, other.model])],
    ['one adapter of a model too many', (own, other) => createScope([...own.listed, `echo:${other.modelAdapter}`])],
  ])('finds a key that sees %s', async (_what, broken) => {
    const { leaks, differences } = await search({ role: 'infer', broken }, ({ key }) => key);
    expect(leaks.length).toBeGreaterThan(0);
    expect(differences.length).toBeGreaterThan(0);
  });

  it('finds a route that does not keep to the names', async () => {
    const config = { access: 'inference', keepsToNames: true } as const;
    const prepare: Setting['prepare'] = (app, other) => void app.get('/v1/all', { config }, () => other.adapters);
    const { leaks } = await search({ role: 'infer', prepare }, ({ key }) => key);
    expect(new Set(leaks.map((leak) => leak.split(' ')[1]))).toEqual(new Set(['/v1/all']));
  });

  it('finds nothing in a route that does not say that it keeps to them, because it is refused', async () => {
    const config = { access: 'inference' } as const;
    const prepare: Setting['prepare'] = (app, other) => void app.get('/v1/all', { config }, () => other.adapters);
    expect((await search({ role: 'infer', prepare }, ({ key }) => key)).leaks).toEqual([]);
  });
});
