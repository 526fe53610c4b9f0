import { deepStrictEqual } from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AdapterEvent, EspalierError, onAdapterEvent } from '../../core/index.ts';
import { AdapterRegistry, createAdapterControl } from '../../routing/index.ts';
import { FakeArena, type FakeWeights } from '../../routing/testing/fake-arena.ts';
import { FakeStore } from '../../routing/testing/fake-store.ts';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { FakeTimers } from '../../core/testing/fake-timers.ts';

let staging: string;
let registry: AdapterRegistry<FakeWeights>;
let timers: FakeTimers;
/** What the store was given: the name, what lay there, and its content. */
let put: [name: string, entry: string, files: Record<string, string>][];
let store: FakeStore;
let app: FastifyInstance;
let url: string;

beforeEach(async () => {
  staging = await mkdtemp(join(tmpdir(), 'espalier-upload-'));
  registry = new AdapterRegistry(new FakeArena(), { memory: 100 });
  timers = new FakeTimers();
  put = [];
  store = new FakeStore(['other'], {
    staging,
    async put(name, path) {
      const isFolder = (await stat(path)).isDirectory();
      const paths = isFolder ? (await readdir(path)).map((file) => join(path, file)) : [path];
      const files = await Promise.all(
        paths.map(async (file) => [basename(file), await readFile(file, 'utf8')] as const),
      );
      put.push([name, isFolder ? 'folder' : basename(path), Object.fromEntries(files)]);
      const digest = files.map(([, text]) => text).join('');
      if (digest.includes('bad')) throw new EspalierError('ADAPTERS_OFF', { name });
      store.versions.add(digest);
      return { digest };
    },
  });
  await listen(createAdapterControl({ registry, baseName: 'base', store }));
});
afterEach(async () => {
  await app.close();
  registry.dispose();
  const left = await readdir(staging);
  await rm(staging, { recursive: true });
  deepStrictEqual(left, [], 'every upload removes its folder');
});

async function listen(control: ReturnType<typeof createAdapterControl>): Promise<void> {
  const context = { ...fakeContext(), control };
  app = createApp(context, { generation: context }, { timers, maxUploadBytes: 100_000 });
  await app.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/v1/adapters`;
}

function formOf(fields: Record<string, string>, files: Record<string, string>): FormData {
  const form = new FormData();
  for (const [name, text] of Object.entries(files)) form.append('file', new Blob([text]), name);
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string; readonly message: string } };
  readonly headers: Headers;
}

async function upload(body: FormData | string, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await fetch(url, { method: 'POST', body, headers: { 'x-espalier-upload': '1', ...headers } });
  return { status: answer.status, body: (await answer.json()) as Answer['body'], headers: answer.headers };
}

const peft = { 'adapter_config.json': '{}', 'adapter_model.safetensors': 'w' };

describe('an upload', () => {
  it('of a folder is verified, kept and served, and leaves nothing in the staging folder', async () => {
    const { status, body, headers } = await upload(formOf({ name: 'org/policy', reason: 'new terms' }, peft));
    expect([status, headers.get('etag')]).toEqual([201, '"{}w"']);
    expect(body).toMatchObject({ name: 'org/policy', version: '{}w', published: true, adapter: { version: '{}w' } });
    expect(put).toEqual([['org/policy', 'folder', peft]]);
    expect(registry.info('org/policy').history).toMatchObject([{ actor: 'address 127.0.0.1', reason: 'new terms' }]);
    expect(store.names.get('org/policy')).toBe('{}w');
  });

  it('of one file is a file', async () => {
    await upload(formOf({ name: 'policy' }, { 'policy.onnx_adapter': 'x' }));
    expect(put).toEqual([['policy', 'policy.onnx_adapter', { 'policy.onnx_adapter': 'x' }]]);
  });

  it('is only kept where it shall not be published', async () => {
    const { status, body } = await upload(formOf({ name: 'policy', publish: 'false' }, peft));
    expect([status, body['published'], registry.list()]).toEqual([201, false, []]);
  });

  it('that is refused by the store moves nothing', async () => {
    const seen: AdapterEvent[] = [];
    using _ = onAdapterEvent((event) => void seen.push(event));
    const { status, body } = await upload(formOf({ name: 'policy' }, { ...peft, 'README.md': 'bad' }));
    expect(seen).toMatchObject([{ event: 'verify', result: 'refused', name: 'policy', actor: 'address 127.0.0.1' }]);
    expect([status, body.error?.code, registry.list()]).toEqual([400, 'adapters_off', []]);
  });

  it('with a precondition that is not met moves nothing', async () => {
    await upload(formOf({ name: 'policy' }, peft));
    const { status } = await upload(formOf({ name: 'policy' }, { x: 'y' }), { 'if-match': '"z"' });
    expect([status, registry.info('policy').version]).toEqual([412, '{}w']);
  });

  it('with the same Idempotency-Key is taken once, and refused with other bytes', async () => {
    const key = { 'idempotency-key': 'k' };
    const first = await upload(formOf({ name: 'policy' }, peft), key);
    const again = await upload(formOf({ name: 'policy' }, peft), key);
    expect([again.status, again.body, put.length]).toEqual([201, first.body, 1]);
    const other = await upload(formOf({ name: 'policy' }, { ...peft, 'adapter_config.json': '{"r": 1}' }), key);
    expect([other.status, other.body.error?.code, put.length]).toEqual([422, 'idempotency_key_reused', 1]);
  });

  it.each<[fields: Record<string, string>, files: Record<string, string>, words: RegExp]>([
    [{}, peft, /name/],
    [{ name: '../policy' }, peft, /name/],
    [{ name: 'base' }, peft, /base/],
    [{ name: 'policy' }, {}, /the files of an adapter are expected/],
    [{ name: 'policy', path: '/etc' }, peft, /path/],
    [{ name: 'policy', publish: 'maybe' }, peft, /publish/],
    [{ name: 'policy' }, { '.hidden': 'x' }, /names of files/],
    [{ name: 'policy' }, { 'a b': 'x' }, /names of files/],
    [{ name: 'policy' }, Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`f${i}`, 'x'])), /32 files/],
    [Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`f${i}`, 'x'])), peft, /8 fields/],
    [{ name: 'x'.repeat(2000) }, peft, /too long/],
  ])('of %j with %j is refused before the store sees it', async (fields, files, words) => {
    const { status, body } = await upload(formOf(fields, files));
    expect([status, body.error?.message]).toEqual([400, expect.stringMatching(words)]);
    expect([put, registry.list()]).toEqual([[], []]);
  });

  it('writes no file outside its folder, whatever the names say', async () => {
    const names = ['../outside', '/tmp/outside', 'a/../../outside', String.raw`..\outside`];
    for (const name of names) {
      const part = `--b\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\n\r\nx\r\n`;
      const end = '--b\r\ncontent-disposition: form-data; name="name"\r\n\r\npolicy\r\n--b--\r\n';
      const answer = await upload(part + end, { 'content-type': 'multipart/form-data; boundary=b' });
      // Only the last part of a path is a name.
      expect([name, answer.status, put.at(-1)?.[1]]).toEqual([name, 201, 'outside']);
    }
    expect(await readdir(staging)).toEqual([]);
  });

  it('beyond the limit is refused, with its length in advance and without', async () => {
    const body = formOf({ name: 'policy' }, { ...peft, large: 'x'.repeat(200_000) });
    const announced = await upload(body);
    expect([announced.status, announced.body.error?.code]).toEqual([413, 'body_too_large']);
    const stream = new Response(body);
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'x-espalier-upload': '1', 'content-type': stream.headers.get('content-type') ?? '' },
      body: stream.body,
      duplex: 'half',
    } as RequestInit);
    expect(answer.status).toBe(413);
    expect(put).toEqual([]);
  });

  it.each([
    ['a part that has no end', '--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nx'],
    ['no part', 'nothing'],
    ['nothing', ''],
  ])('with %s is refused', async (_what, body) => {
    const answer = await upload(body, { 'content-type': 'multipart/form-data; boundary=b' });
    expect([answer.status, put]).toEqual([400, []]);
  });

  it.each([
    ['application/json', 415],
    ['multipart/form-data', 400],
    ['multipart/mixed; boundary=b', 415],
  ])('of the type %s is refused', async (type, status) => {
    expect((await upload('{}', { 'content-type': type })).status).toBe(status);
  });

  it('with a key needs no other header', async () => {
    const headers = { 'x-api-key': 'secret' };
    const answer = await fetch(url, { method: 'POST', body: formOf({ name: 'policy' }, peft), headers });
    expect(answer.status).toBe(201);
  });

  it('without a key needs a header that no web page sends', async () => {
    const answer = await fetch(url, { method: 'POST', body: formOf({ name: 'policy' }, peft) });
    expect([answer.status, ((await answer.json()) as Answer['body']).error?.code]).toEqual([
      403,
      'upload_header_missing',
    ]);
    const authorization = 'Bearer any';
    const keyed = await fetch(url, {
      method: 'POST',
      body: formOf({ name: 'policy' }, peft),
      headers: { authorization },
    });
    expect(keyed.status).toBe(201);
  });

  it('needs a store', async () => {
    await app.close();
    await listen(createAdapterControl({ registry, baseName: 'base' }));
    const { status, body } = await upload(formOf({ name: 'policy' }, peft));
    expect([status, body.error?.code]).toEqual([400, 'adapter_store_missing']);
  });
});

/** Begins an upload and sends no end of it. */
function beginUpload(): Promise<{ readonly status: number }> & { readonly abort: () => void } {
  const headers = {
    'content-type': 'multipart/form-data; boundary=b',
    'x-espalier-upload': '1',
    'content-length': 5000,
  };
  const sent = httpRequest(url, { method: 'POST', headers });
  sent.write('--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nx');
  const answer = new Promise<{ status: number }>((resolve) => {
    sent.once('response', (response) => resolve({ status: response.resume().statusCode ?? 0 }));
    sent.once('error', () => resolve({ status: 0 }));
  });
  return Object.assign(answer, { abort: () => void sent.destroy() });
}

/** Waits until so many uploads have a folder. */
async function arrived(count: number): Promise<number> {
  await vi.waitFor(async () => deepStrictEqual((await readdir(staging)).length, count));
  return count;
}

describe('an upload that does not end', () => {
  it('is given up when its time is over, and leaves nothing', async () => {
    const slow = beginUpload();
    await arrived(1);
    timers.advance(40_000);
    expect((await slow).status).toBe(408);
    await arrived(0);
  });

  it('leaves nothing when its client goes away', async () => {
    const gone = beginUpload();
    await arrived(1);
    gone.abort();
    expect(await arrived(0)).toBe(0);
  });

  it('lets only some others arrive beside it', async () => {
    const slow = Array.from({ length: 4 }, beginUpload);
    await arrived(4);
    const { status, body } = await upload(formOf({ name: 'policy' }, peft));
    expect([status, body.error?.code]).toEqual([429, 'uploads_busy']);
    for (const one of slow) one.abort();
    await arrived(0);
    expect((await upload(formOf({ name: 'policy' }, peft))).status).toBe(201);
  });

  it('is ended when the server closes', async () => {
    const slow = beginUpload();
    await arrived(1);
    const closed = app.close();
    expect((await slow).status).toBe(503);
    await closed;
  });
});
