import { cp, mkdir, mkdtemp, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemFiles } from '../adapter-store/files/store-files.ts';
import { liveHandles } from '../native/index.ts';
import { loadSafetensors, tensorOf, toFloat32, typedArray, writeSafetensors } from '../tensor/index.ts';
import { openServer, type Server, type ServerOptions } from './server.ts';

const golden = fileURLToPath(new URL('../../test/golden/llama-d16', import.meta.url));
/** Tokens of the prompt in the golden rows; the greedy answer follows. */
const promptLength = 5;

let folder: string;
let server: Server | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await removeAll(folder);
  const alive = JSON.stringify(liveHandles());
  if (alive !== '{}') throw new Error(`Native handles are left: ${alive}`);
});

/** An ordinary user cannot remove what is in the read-only folders of a store. */
async function removeAll(path: string): Promise<void> {
  await systemFiles.removeTree(path);
}

const dir = (...parts: string[]): string => join(folder, 'store', ...parts);

async function open(options: Partial<ServerOptions> = {}): Promise<Server> {
  server = await openServer({
    base: join(golden, 'model'),
    servedName: 'base',
    store: dir(),
    threads: 1,
    port: 0,
    ...options,
  });
  return server;
}

/** What is written into a folder of the quarantine after it has come. */
async function reasonOf(name: string): Promise<string> {
  for (;;) {
    const text = await readFile(dir('quarantine', name, 'reason.json'), 'utf8').catch(() => '');
    if (text !== '') return text;
  }
}

/** What was taken in is served a moment before its folder is gone. */
async function nothingIncoming(): Promise<void> {
  while ((await readdir(dir('incoming'))).length > 0) await new Promise((resolve) => setImmediate(resolve));
}

/** Drops an adapter of the golden case as a program does that writes it elsewhere first. */
async function drop(state: 'adapter' | 'trained', name: string): Promise<void> {
  await cp(join(golden, state), join(folder, 'made'), { recursive: true });
  await mkdir(dir('incoming'), { recursive: true });
  await rename(join(folder, 'made'), dir('incoming', name));
}

async function post(path: string, body: unknown): Promise<{ readonly status: number; readonly body: unknown }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${server?.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : text };
}

/** Prompt and greedy answer of the reference. */
async function goldenRow(name: 'greedy_base' | 'greedy_adapter' | 'greedy_trained'): Promise<number[]> {
  const { tensors } = await loadSafetensors(join(golden, 'expected.safetensors'));
  const tensor = tensors.get(name);
  return tensor === undefined ? [] : Array.from(typedArray(tensor), Number);
}

/** The tokens of the greedy answer; undefined if the model is not served. */
async function greedy(model: string): Promise<number[] | undefined> {
  const row = await goldenRow('greedy_base');
  const prompt = row.slice(0, promptLength);
  const request = { model, prompt, max_tokens: row.length - promptLength, temperature: 0, ignore_eos: true };
  const { status, body } = await post('/v1/completions', request);
  return status === 200 ? (body as { choices: { token_ids: number[] }[] }).choices[0]?.token_ids : undefined;
}

/** Asks until the answer is that of a golden row; undefined: until the name is not served. */
async function answers(model: string, row: 'greedy_adapter' | 'greedy_trained' | undefined): Promise<void> {
  const expected = row && (await goldenRow(row)).slice(promptLength);
  const end = performance.now() + 20_000;
  for (;;) {
    const got = await greedy(model);
    if (JSON.stringify(got) === JSON.stringify(expected)) return;
    if (performance.now() > end) throw new Error(`${model} answers ${got?.join() ?? 'nothing'}`);
  }
}

describe('a server with a store', () => {
  it('serves what is dropped into it, replaces it, and stops serving what is taken out', async () => {
    await open();
    await drop('adapter', 'policy');
    await answers('policy', 'greedy_adapter');
    await drop('trained', 'policy');
    await answers('policy', 'greedy_trained');
    expect(await readdir(dir('store'))).toHaveLength(2);
    await rm(dir('active', 'policy'));
    await answers('policy', undefined);
  });

  it('serves after a restart what it served, and what came meanwhile', async () => {
    await open();
    await drop('adapter', 'policy');
    await answers('policy', 'greedy_adapter');
    await server?.close();
    await drop('trained', 'other');
    await open();
    // What came meanwhile may be there already on a fast machine.
    expect(server?.adapterNames).toContain('policy');
    expect(await greedy('policy')).toEqual((await goldenRow('greedy_adapter')).slice(promptLength));
    await answers('other', 'greedy_trained');
  });

  it('serves the old version when another is refused', async () => {
    await mkdir(join(folder, 'bad'));
    await writeFile(join(folder, 'bad', 'adapter_config.json'), '{"peft_type": "LORA"}');
    await writeFile(join(folder, 'bad', 'adapter_model.safetensors'), 'no tensors');
    await open();
    await drop('adapter', 'policy');
    await answers('policy', 'greedy_adapter');
    await nothingIncoming();
    await rename(join(folder, 'bad'), dir('incoming', 'policy'));
    await nothingIncoming();
    expect(await greedy('policy')).toEqual((await goldenRow('greedy_adapter')).slice(promptLength));
    const [refused = ''] = await readdir(dir('quarantine'));
    expect(JSON.parse(await reasonOf(refused))).toMatchObject({
      name: 'policy',
    });
  });

  it('serves the old version when the logits of another are not finite, in whatever way it comes', async () => {
    await open();
    await drop('adapter', 'policy');
    await answers('policy', 'greedy_adapter');
    const weights = await loadSafetensors(join(golden, 'trained', 'adapter_model.safetensors'));
    const tensors = new Map(
      [...weights.tensors].map(([name, tensor]) => {
        const numbers = toFloat32(tensor).map((value) => Math.sign(value) * 4e14);
        return [name, tensorOf('float32', tensor.shape, numbers)];
      }),
    );
    const bad = join(folder, 'bad');
    await cp(join(golden, 'trained'), bad, { recursive: true });
    await writeSafetensors(join(bad, 'adapter_model.safetensors'), tensors);
    const form = new FormData();
    form.append('name', 'other');
    for (const name of ['adapter_config.json', 'adapter_model.safetensors']) {
      form.append('file', new Blob([await readFile(join(bad, name))]), name);
    }
    const headers = { 'x-espalier-upload': '1' };
    const uploaded = await fetch(`${server?.url}/v1/adapters`, { method: 'POST', headers, body: form });
    expect([uploaded.status, await uploaded.text()]).toEqual([
      expect.any(Number),
      expect.stringMatching(/not finite/i),
    ]);
    expect(uploaded.ok).toBe(false);
    await nothingIncoming();
    await rename(bad, dir('incoming', 'policy'));
    await nothingIncoming();
    const [refused = ''] = await readdir(dir('quarantine'));
    expect(JSON.parse(await reasonOf(refused))).toMatchObject({ name: 'policy', code: 'LOGITS_NOT_FINITE' });
    expect(await greedy('policy')).toEqual((await goldenRow('greedy_adapter')).slice(promptLength));
  });

  it('keeps what its routes do: a name that is unloaded stays gone', async () => {
    await open();
    await drop('adapter', 'policy');
    await answers('policy', 'greedy_adapter');
    expect((await post('/v1/load_lora_adapter', { lora_name: 'x', lora_path: '/etc' })).status).toBe(400);
    expect((await post('/v1/unload_lora_adapter', { lora_name: 'policy' })).status).toBe(200);
    expect((await post('/v1/unload_lora_adapter', { lora_name: 'policy' })).status).toBe(404);
    expect(await readdir(dir('active'))).toEqual([]);
    await server?.close();
    await open();
    expect(server?.adapterNames).toEqual([]);
  });

  it('keeps what is uploaded, and the moves of names by the routes of adapters', async () => {
    await open();
    await drop('adapter', 'policy');
    await answers('policy', 'greedy_adapter');
    const first = (await readdir(dir('store')))[0] ?? '';
    const form = new FormData();
    form.append('name', 'policy');
    for (const name of ['adapter_config.json', 'adapter_model.safetensors']) {
      form.append('file', new Blob([await readFile(join(golden, 'trained', name))]), name);
    }
    const headers = { 'x-espalier-upload': '1' };
    const uploaded = await fetch(`${server?.url}/v1/adapters`, { method: 'POST', headers, body: form });
    expect(uploaded.status).toBe(201);
    await answers('policy', 'greedy_trained');
    expect((await post('/v1/adapters/policy/rollback', {})).status).toBe(200);
    await answers('policy', 'greedy_adapter');
    expect(await readlink(dir('active', 'policy'))).toBe(`../store/${first}`);
    await server?.close();
    await open();
    await answers('policy', 'greedy_adapter');
    expect((await fetch(`${server?.url}/v1/adapters/policy`, { method: 'DELETE' })).status).toBe(200);
    expect(await readdir(dir('active'))).toEqual([]);
  });

  it('does not serve on another base what was verified for this one', async () => {
    await open();
    await drop('adapter', 'policy');
    await answers('policy', 'greedy_adapter');
    await server?.close();
    await open({ base: fileURLToPath(new URL('../../test/golden/llama/model', import.meta.url)) });
    expect(server?.adapterNames).toEqual([]);
    expect(server?.failedAdapters).toMatchObject([{ name: 'policy' }]);
  });

  it.each([
    ['a folder of adapters beside it', { adapters: '.' }],
    ['an encoder', { base: fileURLToPath(new URL('../../test/golden/bert/model', import.meta.url)) }],
  ])('refuses %s', async (_what, options) => {
    await expect(open(options)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  it('is needed by fine-tuning jobs', async () => {
    const opening = openServer({ base: join(golden, 'model'), jobs: { dir: dir() }, threads: 1, port: 0 });
    await expect(opening).rejects.toThrow(
      'Expected store beside it, from which finished adapters are served for jobs, got none.',
    );
  });
});
