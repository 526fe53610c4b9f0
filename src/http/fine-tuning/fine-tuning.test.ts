import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { KeyRing } from '../keys/key-ring.ts';
import type { Role } from '../keys/role.ts';
import { createScope } from '../keys/scope.ts';
import { AdapterRegistry, createAdapterControl } from '../../routing/index.ts';
import { FakeArena } from '../../routing/testing/fake-arena.ts';
import { FakeStore } from '../../routing/testing/fake-store.ts';
import { fakeContext, type FakeContext } from '../testing/fake-context.ts';
import { fakeFile, fakeJob, fakeJobs, type FakeJobs } from '../testing/fake-jobs.ts';

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

const url = '/v1/fine_tuning/jobs';

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly error: Record<string, unknown> | undefined;
}

function open(
  jobs: FakeJobs,
  more: Partial<FakeContext> = {},
): (method: 'GET' | 'POST' | 'DELETE', path: string, body?: object, key?: string, once?: string) => Promise<Answer> {
  const context = { ...fakeContext({ adapters: ['strict'] }), ...more };
  const keys = new KeyRing({ adminKey: 'admin', readKey: 'read' });
  const named = (name: string, role: Role, models: string[]) => ({
    name,
    sha256: createHash('sha256').update(`${name}-key`).digest('hex'),
    scope: createScope(models),
    roles: new Set([role]),
  });
  keys.replace([
    named('acme', 'admin', ['base', 'ft:base:acme-*:*', 'acme/*']),
    named('blind', 'admin', ['ft:base:acme-*:*']),
    named('asks', 'infer', ['*']),
  ]);
  app = createApp(context, { generation: context, jobs }, { keys });
  const opened = app;
  return async (method, path, body, key = 'admin', once) => {
    const headers = { authorization: `Bearer ${key}`, ...(once !== undefined && { 'idempotency-key': once }) };
    const answer = await opened.inject({ method, url: path, headers, ...(body && { payload: body }) });
    const json = answer.json<Record<string, unknown>>();
    return { status: answer.statusCode, body: json, error: json['error'] as Answer['error'] };
  };
}

const files = [
  fakeFile(),
  fakeFile({ id: 'file-2', purpose: 'fine-tune-results' }),
  fakeFile({ id: 'file-acme', owner: 'acme' }),
];
const wanted = { model: 'base', training_file: 'file-1' };

describe('a new job', () => {
  it('is made as it is asked for, and answered in the form of OpenAI', async () => {
    const jobs = fakeJobs({ files });
    const hyperparameters = { n_epochs: 2, batch_size: 'auto', learning_rate_multiplier: 0.5 };
    const method = { type: 'supervised', supervised: { hyperparameters } };
    const body = { ...wanted, method, suffix: 'My bot', seed: 4, metadata: { a: 'b' }, integrations: null };
    const { status, body: job } = await open(jobs)('POST', url, {
      ...body,
      adapter: 'support',
      rollout: 'progressive',
    });
    expect(status).toBe(200);
    expect(job).toMatchObject({
      object: 'fine_tuning.job',
      status: 'validating_files',
      fine_tuned_model: null,
      seed: 4,
    });
    expect(jobs.created).toMatchObject([
      {
        hyperparameters: { nEpochs: 2, batchSize: 'auto', learningRateMultiplier: 0.5 },
        suffix: 'My bot',
        fineTunedModel: expect.stringMatching(/^ft:base:My-bot:[a-z0-9]{8}$/) as string,
        adapter: 'support',
        rollout: 'progressive',
        metadata: { a: 'b' },
      },
    ]);
  });

  it('is made once for each Idempotency-Key of a client', async () => {
    const jobs = fakeJobs({ files });
    const ask = open(jobs);
    const first = await ask('POST', url, wanted, 'admin', 'once');
    expect(await ask('POST', url, wanted, 'admin', 'once')).toEqual(first);
    expect(jobs.created).toHaveLength(1);
    const other = await ask('POST', url, { ...wanted, seed: 9 }, 'admin', 'once');
    expect([other.status, other.error?.['code']]).toEqual([422, 'idempotency_key_reused']);
    const acme = await ask(
      'POST',
      url,
      { ...wanted, training_file: 'file-acme', suffix: 'acme-x' },
      'acme-key',
      'once',
    );
    expect(acme.status).toBe(200);
    await ask('POST', url, wanted, 'admin', 'again');
    await ask('POST', url, wanted);
    await ask('POST', url, wanted);
    expect(jobs.created).toHaveLength(5);
    expect((await ask('POST', url, wanted, 'admin', ' ')).error?.['param']).toBe('Idempotency-Key');
  });

  it.each<[string, object, string, string]>([
    ['dpo', { method: { type: 'dpo', dpo: {} } }, 'method.type', '"dpo" is no method here'],
    ['reinforcement', { method: { type: 'reinforcement' } }, 'method.type', 'send "supervised"'],
    ['integrations', { integrations: [{ type: 'wandb', wandb: { project: 'a' } }] }, 'integrations', 'webhooks'],
    ['a misspelt field', { sufix: 'a' }, 'sufix', 'did you mean suffix?'],
    ['a misspelt hyperparameter', { hyperparameters: { n_epoch: 1 } }, 'hyperparameters.n_epoch', 'n_epochs'],
    [
      'hyperparameters twice',
      { hyperparameters: {}, method: { type: 'supervised', supervised: { hyperparameters: {} } } },
      'hyperparameters',
      'send them once',
    ],
    ['no epochs', { hyperparameters: { n_epochs: 0 } }, 'hyperparameters.n_epochs', ''],
    ['a long suffix', { suffix: 'a'.repeat(65) }, 'suffix', 'at most 64'],
    ['a file that is not there', { training_file: 'file-9' }, 'training_file', 'no file has the id file-9'],
    ['the results of a job', { validation_file: 'file-2' }, 'validation_file', 'not for "fine-tune"'],
    ['the name of the base for its adapter', { adapter: 'base' }, 'adapter', 'base'],
    ['a path for its adapter', { adapter: '../x' }, 'adapter', 'a name of letters'],
    ['a roll-out of nothing', { rollout: 'progressive' }, 'rollout', 'there is no "adapter"'],
    ['metadata that is too long', { metadata: { a: 'b'.repeat(513) } }, 'metadata.a', 'at most 512'],
  ])('is refused with %s', async (_name, given, param, problem) => {
    const jobs = fakeJobs({ files });
    const { status, error } = await open(jobs)('POST', url, { ...wanted, ...given });
    expect([status, jobs.created]).toEqual([400, []]);
    expect(error?.['param']).toBe(param);
    expect(error?.['message']).toContain(problem);
  });

  it('begins with the version that the name of an adapter has', async () => {
    const [older, version] = ['1', '2'].map((digit) => digit.repeat(64)) as [string, string];
    const registry = new AdapterRegistry(new FakeArena());
    const control = createAdapterControl({ registry, baseName: 'base', store: new FakeStore([older, version]) });
    for (const digest of [older, version]) await control.move('strict', digest, {});
    const jobs = fakeJobs({ files });
    const ask = open(jobs, { control });
    const begun = await ask('POST', url, { ...wanted, model: `strict@${version.slice(0, 8)}` });
    expect([begun.status, begun.body['start_version']]).toEqual([200, version]);
    expect(jobs.created).toMatchObject([{ model: 'strict@22222222', start: { version, path: version } }]);
    const earlier = await ask('POST', url, { ...wanted, model: `strict@${older}` });
    expect([earlier.status, earlier.error?.['param']]).toEqual([400, 'model']);
    registry.dispose();
  });

  it('is refused for a model that is not there, as other requests are', async () => {
    const { status, error } = await open(fakeJobs({ files }))('POST', url, { ...wanted, model: 'bases' });
    expect([status, error?.['code']]).toEqual([404, 'model_not_found']);
  });
});

describe('keys', () => {
  it('are for looking at jobs and files, or for administration', async () => {
    const ask = open(fakeJobs({ files, jobs: [fakeJob()] }));
    const statusOf = async (...asked: Parameters<typeof ask>): Promise<number> => (await ask(...asked)).status;
    for (const path of [url, `${url}/ftjob-1`, `${url}/ftjob-1/events`, '/v1/files', '/v1/files/file-1']) {
      expect([
        path,
        await statusOf('GET', path, undefined, 'read'),
        await statusOf('GET', path, undefined, 'asks-key'),
      ]).toEqual([path, 200, 401]);
    }
    expect(await statusOf('POST', url, wanted, 'read')).toBe(401);
    expect(await statusOf('POST', `${url}/ftjob-1/cancel`, undefined, 'read')).toBe(401);
    expect(await statusOf('DELETE', '/v1/files/file-1', undefined, 'asks-key')).toBe(401);
    expect(await statusOf('POST', `${url}/ftjob-1/cancel`)).toBe(200);
  });

  it('for some names make jobs of these names, with their own files', async () => {
    const jobs = fakeJobs({ files });
    const ask = open(jobs);
    const own = { model: 'base', training_file: 'file-acme', suffix: 'acme-bot' };
    expect((await ask('POST', url, { ...own, adapter: 'acme/bot' }, 'acme-key')).status).toBe(200);
    const refused = async (body: object, key = 'acme-key'): Promise<unknown> =>
      (await ask('POST', url, body, key)).error?.['code'];
    expect(await refused({ ...own, suffix: 'other' })).toBe('name_outside_key');
    expect(await refused({ ...own, adapter: 'strict' })).toBe('name_outside_key');
    expect(await refused({ ...own, training_file: 'file-1' })).toBe('request_invalid');
    expect(await refused(own, 'blind-key')).toBe('model_not_found');
    expect(jobs.created.length).toBe(1);
  });

  it('for some names see the jobs of these names, and their own files', async () => {
    const own = fakeJob({ id: 'ftjob-acme', fineTunedModel: 'ft:base:acme-bot:x' });
    const ask = open(fakeJobs({ files, jobs: [own, fakeJob()] }));
    const idsIn = async (path: string): Promise<unknown> =>
      ((await ask('GET', path, undefined, 'acme-key')).body['data'] as { id: string }[]).map(({ id }) => id);
    expect([await idsIn(url), await idsIn('/v1/files')]).toEqual([['ftjob-acme'], ['file-acme']]);
    const hidden = await ask('GET', `${url}/ftjob-1`, undefined, 'acme-key');
    const unknown = await ask('GET', `${url}/ftjob-2`, undefined, 'acme-key');
    expect([hidden.status, hidden.error?.['message']]).toEqual([
      404,
      String(unknown.error?.['message']).replace('ftjob-2', 'ftjob-1'),
    ]);
    for (const what of ['cancel', 'pause', 'resume']) {
      expect((await ask('POST', `${url}/ftjob-1/${what}`, undefined, 'acme-key')).status).toBe(404);
    }
    expect((await ask('DELETE', '/v1/files/file-1', undefined, 'acme-key')).status).toBe(404);
    expect((await ask('GET', '/v1/files/file-1/content', undefined, 'acme-key')).status).toBe(404);
  });
});

describe('lists', () => {
  const jobs = Array.from({ length: 5 }, (_, at) =>
    fakeJob({ id: `ftjob-${at}`, metadata: at % 2 === 0 ? { team: 'a', n: '1' } : null }),
  );
  const page = async (query: string): Promise<unknown> => {
    const { body } = await open(fakeJobs({ jobs }))('GET', `${url}?${query}`);
    return [(body['data'] as { id: string }[]).map(({ id }) => id.slice(-1)).join(''), body['has_more']];
  };

  it.each([
    ['', '43210', false],
    ['limit=2', '43', true],
    ['limit=2&after=ftjob-3', '21', true],
    ['limit=2&after=ftjob-1', '0', false],
    ['metadata[team]=a&metadata[n]=1', '420', false],
    ['metadata[team]=b', '', false],
  ])('come in pages: %s', async (query, ids, more) => {
    expect(await page(query)).toEqual([ids, more]);
  });

  it.each(['limit=0', 'limit=101', 'limit=a', 'after=ftjob-9'])('refuse %s', async (query) => {
    expect((await open(fakeJobs({ jobs }))('GET', `${url}?${query}`)).status).toBe(400);
  });
});

describe('a file', () => {
  const upload = async (fields: Record<string, string>, names: readonly string[], key = 'admin'): Promise<Answer> => {
    const ask = open(fakeJobs());
    void ask;
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    for (const name of names) body.append('file', new Blob(['{}']), name);
    const request = new Request('http://localhost', { method: 'POST', body });
    const answer = await app?.inject({
      method: 'POST',
      url: '/v1/files',
      headers: { authorization: `Bearer ${key}`, 'content-type': request.headers.get('content-type') ?? '' },
      payload: Buffer.from(await request.arrayBuffer()),
    });
    const json = answer?.json<Record<string, unknown>>() ?? {};
    return { status: answer?.statusCode ?? 0, body: json, error: json['error'] as Answer['error'] };
  };

  it('may have any name, which it keeps', async () => {
    const { status, body } = await upload({ purpose: 'fine-tune' }, ['mes données (2).jsonl']);
    expect([status, body['filename'], body['object'], body['status']]).toEqual([
      200,
      'mes données (2).jsonl',
      'file',
      'processed',
    ]);
  });

  it.each<[string, Record<string, string>, readonly string[], string | undefined]>([
    ['another purpose', { purpose: 'assistants' }, ['a.jsonl'], 'purpose'],
    ['no purpose', {}, ['a.jsonl'], 'purpose'],
    ['no file', { purpose: 'fine-tune' }, [], 'file'],
    ['two files', { purpose: 'fine-tune' }, ['a.jsonl', 'b.jsonl'], 'body'],
    [
      'a field that is not known',
      { purpose: 'fine-tune', 'expires_after[anchor]': 'created_at' },
      ['a.jsonl'],
      'expires_after[anchor]',
    ],
  ])('is refused with %s', async (_name, fields, names, param) => {
    const { status, error } = await upload(fields, names);
    expect([status, error?.['param']]).toEqual([400, param]);
  });

  it('is not taken from a key that only looks', async () => {
    expect((await upload({ purpose: 'fine-tune' }, ['a.jsonl'], 'read')).status).toBe(401);
  });
});
