import { access, cp, mkdtemp, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openServer, type Server } from '../server.ts';

const golden = fileURLToPath(new URL('../../../test/golden/llama-d16', import.meta.url));

let folder: string;
let server: Server;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  server = await open();
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

function open(): Promise<Server> {
  return openServer({ base: join(golden, 'model'), servedName: 'base', store: folder, threads: 1, port: 0 });
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string } };
}

const policy = '/v1/adapters/org%2Fpolicy';

async function call(method: string, path: string, body?: object): Promise<Answer> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
  const answer = await fetch(`${server.url}${path}`, init);
  return { status: answer.status, body: (await answer.json()) as Answer['body'] };
}

async function upload(adapter: 'adapter' | 'trained', publish = true): Promise<string> {
  const form = new FormData();
  form.append('name', 'org/policy');
  form.append('publish', String(publish));
  for (const file of ['adapter_config.json', 'adapter_model.safetensors']) {
    form.append('file', new Blob([await readFile(join(golden, adapter, file))]), file);
  }
  const headers = { 'x-espalier-upload': '1' };
  const answer = await fetch(`${server.url}/v1/adapters`, { method: 'POST', body: form, headers });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { version: string }).version;
}

/** The version that answers a request. */
async function answering(): Promise<string | null> {
  const body = JSON.stringify({ model: 'org/policy', prompt: [1, 2], max_tokens: 1 });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${server.url}/v1/completions`, { method: 'POST', headers, body });
  await answer.arrayBuffer();
  return answer.headers.get('x-espalier-version');
}

const link = async (): Promise<string> => basename(await readlink(join(folder, 'active', 'org', 'policy')));

describe('the routes of administration, with a store', () => {
  it('keep what is uploaded, move names in it, and find it again after a restart', async () => {
    const fresh = await upload('adapter');
    const trained = await upload('trained');
    expect([await answering(), await link()]).toEqual([trained, trained]);
    await call('POST', `${policy}/rollback`, { reason: 'wrong tone' });
    expect([await answering(), await link()]).toEqual([fresh, fresh]);
    await server.close();
    server = await open();
    expect(await answering()).toBe(fresh);
    const { body } = await call('GET', policy);
    expect((body['history'] as { version: string }[]).map(({ version }) => version)).toEqual([fresh, trained]);
    expect((await call('POST', `${policy}/rollback`)).status).toBe(200);
    expect([await answering(), await link()]).toEqual([trained, trained]);
    expect((await call('DELETE', policy)).status).toBe(200);
    await expect(link()).rejects.toThrow('ENOENT');
    expect((await call('PUT', policy, { version: fresh })).status).toBe(200);
    expect([await answering(), await link()]).toEqual([fresh, fresh]);
  });

  it('keep a version without serving it, until a name is pointed to it', async () => {
    const version = await upload('trained', false);
    expect((await call('GET', policy)).status).toBe(404);
    await call('POST', `${policy}/publish`, { version });
    expect([await answering(), await link()]).toEqual([version, version]);
  });

  it('keep a pinned name where it is, whatever the store is told', async () => {
    const fresh = await upload('adapter');
    await call('POST', `${policy}/pin`, { reason: 'audit' });
    const unload = await call('POST', '/v1/unload_lora_adapter', { lora_name: 'org/policy' });
    expect([unload.status, unload.body.error?.code, await link()]).toEqual([409, 'adapter_pinned', fresh]);
    await cp(join(golden, 'trained'), join(folder, 'incoming', 'org', 'policy'), { recursive: true });
    await vi.waitFor(() => expect(access(join(folder, 'incoming', 'org', 'policy'))).rejects.toThrow('ENOENT'), 5000);
    expect([await answering(), await link()]).toEqual([fresh, fresh]);
    await server.close();
    server = await open();
    expect((await call('GET', policy)).body['pinned']).toMatchObject({ by: 'address 127.0.0.1', reason: 'audit' });
    expect((await call('DELETE', policy)).status).toBe(409);
    await call('POST', `${policy}/unpin`);
    await server.close();
    server = await open();
    expect((await call('DELETE', policy)).status).toBe(200);
  });
});
