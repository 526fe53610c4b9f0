import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadSafetensors, typedArray } from '../../tensor/index.ts';
import { openServer, type Server } from '../server.ts';

const golden = fileURLToPath(new URL('../../../test/golden/llama-d16', import.meta.url));
/** Tokens of the prompt in the golden rows; the greedy answer follows. */
const promptLength = 5;

let folder: string;
let server: Server;
let rows: Readonly<Record<'fresh' | 'trained', readonly number[]>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  await cp(join(golden, 'adapter'), join(folder, 'org', 'fresh'), { recursive: true });
  await cp(join(golden, 'trained'), join(folder, 'org', 'trained'), { recursive: true });
  const { tensors } = await loadSafetensors(join(golden, 'expected.safetensors'));
  const row = (name: string): number[] => {
    const tensor = tensors.get(name);
    return tensor === undefined ? [] : Array.from(typedArray(tensor), Number);
  };
  rows = { fresh: row('greedy_adapter'), trained: row('greedy_trained') };
  server = await openServer({ base: join(golden, 'model'), servedName: 'base', adapters: folder, threads: 1, port: 0 });
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string } };
}

async function call(method: string, path: string, body?: object): Promise<Answer> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
  const answer = await fetch(`${server.url}${path}`, init);
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Answer['body'] };
}

/** Asks for the greedy answer, and returns its tokens with the version that gave it. */
async function ask(): Promise<{ tokens: readonly number[]; version: string | null }> {
  const prompt = rows.fresh.slice(0, promptLength);
  const max = rows.fresh.length - promptLength;
  const request = { model: 'org/policy', prompt, max_tokens: max, temperature: 0, ignore_eos: true };
  const { body, headers } = await call('POST', '/v1/completions', request);
  const [choice] = body['choices'] as { token_ids: number[] }[];
  return { tokens: [...prompt, ...(choice?.token_ids ?? [])], version: headers.get('x-espalier-version') };
}

const load = (path: string): Promise<Answer> =>
  call('POST', '/v1/load_lora_adapter', { lora_name: 'org/policy', lora_path: path, load_inplace: true });

it('goes back and forth between two versions, each with its own tokens and its own name', async () => {
  await load('org/fresh');
  const fresh = await ask();
  await load('org/trained');
  const trained = await ask();
  expect([fresh.tokens, trained.tokens]).toEqual([rows.fresh, rows.trained]);
  const told = await call('GET', '/v1/adapters/org%2Fpolicy');
  expect([told.headers.get('etag'), told.body['version']]).toEqual([`"${trained.version}"`, trained.version]);
  expect(told.body['history']).toMatchObject([
    { version: trained.version, by: 'address 127.0.0.1' },
    { version: fresh.version },
  ]);
  const back = await call('POST', '/v1/adapters/org%2Fpolicy/rollback');
  expect([back.status, back.body['version'], await ask()]).toEqual([200, fresh.version, fresh]);
  await call('PUT', '/v1/adapters/org%2Fpolicy', { version: trained.version });
  expect(await ask()).toEqual(trained);
});

it('refuses to go back to files that have changed, and serves on', async () => {
  await load('org/fresh');
  await load('org/trained');
  await cp(join(golden, 'trained'), join(folder, 'org', 'fresh'), { recursive: true });
  const { status, body } = await call('POST', '/v1/adapters/org%2Fpolicy/rollback');
  expect([status, body.error?.code, (await ask()).tokens]).toEqual([409, 'adapter_source_changed', rows.trained]);
});

it('has no store to upload to', async () => {
  const form = new FormData();
  form.append('file', new Blob(['{}']), 'adapter_config.json');
  const answer = await fetch(`${server.url}/v1/adapters`, { method: 'POST', body: form });
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: { code: 'adapter_store_missing' } }]);
});
