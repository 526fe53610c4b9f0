import {
  cp,
  mkdir,
  mkdtemp,
  open as openFile,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveHandles } from '../native/index.ts';
import { fingerprintKey } from '../models/index.ts';
import { loadSafetensors, typedArray, writeSafetensors } from '../tensor/index.ts';
import { openServer, type Server, type ServerOptions } from './server.ts';

const golden = fileURLToPath(new URL('../../test/golden/llama-d16', import.meta.url));
/** Tokens of the prompt in the golden rows; the greedy answer follows. */
const promptLength = 5;

let folder: string;
let server: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  await cp(join(golden, 'adapter'), join(folder, 'adapters', 'fresh'), { recursive: true });
  await cp(join(golden, 'trained'), join(folder, 'adapters', 'versions', 'trained'), { recursive: true });
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(folder, { recursive: true });
  const alive = JSON.stringify(liveHandles());
  if (alive !== '{}') throw new Error(`Native handles are left: ${alive}`);
});

async function open(options: Partial<ServerOptions> = {}): Promise<OpenAI> {
  const adapters = join(folder, 'adapters');
  server = await openServer({
    base: join(golden, 'model'),
    servedName: 'base',
    adapters,
    threads: 1,
    port: 0,
    ...options,
  });
  return new OpenAI({ baseURL: `${server.url}/v1`, apiKey: options.apiKey ?? 'none', maxRetries: 0 });
}

/** Prompt and greedy answer of the reference, with the adapter that the tensor's name says. */
async function goldenRow(
  name: 'greedy_base' | 'greedy_adapter' | 'greedy_trained',
): Promise<{ prompt: number[]; answer: number[] }> {
  const { tensors } = await loadSafetensors(join(golden, 'expected.safetensors'));
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new RangeError(`No ${name}`);
  const row = Array.from(typedArray(tensor), Number);
  return { prompt: row.slice(0, promptLength), answer: row.slice(promptLength) };
}

async function greedy(client: OpenAI, model: string): Promise<number[]> {
  const { prompt, answer } = await goldenRow('greedy_base');
  const body = { model, prompt, max_tokens: answer.length, temperature: 0, ignore_eos: true };
  const { choices } = await client.completions.create(body);
  return (choices[0] as unknown as { token_ids: number[] }).token_ids;
}

const load = (client: OpenAI, body: object): Promise<{ version: string }> =>
  client.post('/load_lora_adapter', { body });

describe('openServer', () => {
  it('answers base and adapters at once as the reference does each alone', async () => {
    const client = await open();
    await load(client, { lora_name: 'trained', lora_path: 'versions/trained' });
    const models = ['base', 'fresh', 'trained', 'fresh', 'base', 'trained'];
    const answers = await Promise.all(models.map((model) => greedy(client, model)));
    const rows = { base: 'greedy_base', fresh: 'greedy_adapter', trained: 'greedy_trained' } as const;
    const expected = models.map(async (model) => (await goldenRow(rows[model as keyof typeof rows])).answer);
    expect(answers).toEqual(await Promise.all(expected));
  });

  it('gives no answers from a base whose file was overwritten', async () => {
    const base = join(folder, 'base');
    await cp(join(golden, 'model'), base, { recursive: true });
    const client = await open({ base });
    const file = join(base, 'model.safetensors');
    await using handle = await openFile(file, 'r+');
    await handle.write(new Uint8Array(100), 0, 100, 5000);
    await expect.poll(async () => (await fetch(`${server?.url}/ready`)).status, { timeout: 5000 }).toBe(503);
    await expect(greedy(client, 'base')).rejects.toThrow('was written to while the base was in use');
    expect((await fetch(`${server?.url}/health`)).status).toBe(503);
  });

  it('answers from another model although a file of the base was overwritten', async () => {
    const base = join(folder, 'base');
    await cp(join(golden, 'model'), base, { recursive: true });
    const path = fileURLToPath(new URL('../../test/golden/mlp/model.onnx', import.meta.url));
    const client = await open({ base, models: [{ name: 'mlp', path }] });
    await using handle = await openFile(join(base, 'model.safetensors'), 'r+');
    await handle.write(new Uint8Array(100), 0, 100, 5000);
    await expect.poll(async () => (await fetch(`${server?.url}/ready`)).status, { timeout: 5000 }).toBe(503);
    await expect(greedy(client, 'base')).rejects.toMatchObject({ status: 503 });
    const index = await fetch(`${server?.url}/v2/repository/index`, { method: 'POST' });
    expect(await index.json()).toEqual([{ name: 'mlp', version: '1', state: 'READY' }]);
    const { inputs } = (await (await fetch(`${server?.url}/v2/models/mlp`)).json()) as {
      inputs: { shape: number[] }[];
    };
    const width = inputs[0]?.shape.at(-1) ?? 0;
    const data = Array.from({ length: width }, () => 0.5);
    const body = JSON.stringify({ inputs: [{ name: 'features', shape: [1, width], datatype: 'FP32', data }] });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${server?.url}/v2/models/mlp/infer`, { method: 'POST', headers, body });
    expect([answer.status, await answer.text()]).toMatchObject([200, expect.stringContaining('outputs')]);
  });

  it('refuses adapters that were trained on another base, unless it is told to take them', async () => {
    const file = join(folder, 'adapters', 'versions', 'trained', 'adapter_model.safetensors');
    const metadata = { format: 'pt', [fingerprintKey]: `checkpoint-1:${'0'.repeat(64)}` };
    await writeSafetensors(file, (await loadSafetensors(file)).tensors, { metadata });
    await cp(join(folder, 'adapters', 'versions', 'trained'), join(folder, 'adapters', 'foreign'), { recursive: true });
    const client = await open();
    expect(server?.failedAdapters).toMatchObject([
      { name: 'foreign', problem: expect.stringContaining('another base') },
    ]);
    await expect(greedy(client, 'foreign')).rejects.toThrow(/^400 .*was trained on another base/);
    const body = { lora_name: 'trained', lora_path: 'versions/trained' };
    await expect(load(client, body)).rejects.toMatchObject({ status: 400, code: 'adapter_base_mismatch' });
    await load(client, { ...body, any_base: true });
    const { answer } = await goldenRow('greedy_trained');
    expect(await greedy(client, 'trained')).toEqual(answer);
    await server?.close();
    expect(await greedy(await open({ anyBase: true }), 'foreign')).toEqual(answer);
  });

  it.each([
    ['overwritten', (file: string, size: number) => writeFile(file, new Uint8Array(size).fill(7))],
    ['truncated', (file: string) => truncate(file, 4096)],
  ])('serves a private copy of a base whose file is %s', async (_, change) => {
    const [base, copyBase] = [join(folder, 'given'), join(folder, 'copies')];
    await cp(join(golden, 'model'), base, { recursive: true });
    await mkdir(copyBase);
    const client = await open({ base, copyBase });
    const file = join(base, 'model.safetensors');
    await change(file, (await stat(file)).size);
    expect(await greedy(client, 'base')).toEqual((await goldenRow('greedy_base')).answer);
    expect(await greedy(client, 'fresh')).toEqual((await goldenRow('greedy_adapter')).answer);
    expect((await fetch(`${server?.url}/ready`)).status).toBe(200);
    expect(await client.models.retrieve('base')).toMatchObject({ root: base });
    await server?.close();
    expect(await readdir(copyBase)).toEqual([]);
  });

  it('replaces an adapter for the next request, and names its version', async () => {
    const client = await open();
    const before = await client.models.retrieve('fresh');
    const { version } = await load(client, { lora_name: 'fresh', lora_path: 'versions/trained', load_inplace: true });
    expect(await greedy(client, 'fresh')).toEqual((await goldenRow('greedy_trained')).answer);
    expect(await client.models.retrieve('fresh')).toMatchObject({ version });
    expect(before).not.toMatchObject({ version });
  });

  it('goes on serving the old version where the new one cannot be read', async () => {
    const client = await open();
    await mkdir(join(folder, 'adapters', 'broken'));
    await writeFile(join(folder, 'adapters', 'broken', 'adapter_config.json'), '{');
    const body = { lora_name: 'fresh', lora_path: 'broken', load_inplace: true };
    await expect(load(client, body)).rejects.toMatchObject({ status: 400 });
    expect(await greedy(client, 'fresh')).toEqual((await goldenRow('greedy_adapter')).answer);
  });

  describe.each([
    ['DoRA', 'dora', { dora: true }, '--dora'],
    ['lora_bias', 'lora-bias-unbiased', { loraBias: true }, '--lora-bias'],
  ] as const)('%s', (_, kind, option, flag) => {
    const source = fileURLToPath(new URL(`../../test/golden/adapters/${kind}/adapter`, import.meta.url));
    const base = fileURLToPath(new URL('../../test/golden/llama/model', import.meta.url));
    const body = { lora_name: kind, lora_path: kind };

    /** A server that begins without an adapter; then one of this kind comes into its folder. */
    async function openThenAdd(options: Partial<ServerOptions>): Promise<OpenAI> {
      const adapters = join(folder, 'later');
      await mkdir(adapters);
      const client = await open({ ...options, base, adapters });
      await cp(source, join(adapters, kind), { recursive: true });
      return client;
    }

    it('is served where the folder has such an adapter at the start', async () => {
      await cp(source, join(folder, 'full', kind), { recursive: true });
      const client = await open({ base, adapters: join(folder, 'full') });
      expect(await greedy(client, kind)).not.toEqual(await greedy(client, 'base'));
    });

    it('is served where the server is told to', async () => {
      const client = await openThenAdd(option);
      await load(client, body);
      expect(await greedy(client, kind)).not.toEqual(await greedy(client, 'base'));
    });

    it('is refused elsewhere, with what to do', async () => {
      const client = await openThenAdd({});
      await expect(load(client, body)).rejects.toThrow(`Start it with ${flag}`);
    });
  });

  it('forgets an adapter that is unloaded', async () => {
    const client = await open();
    await client.post('/unload_lora_adapter', { body: { lora_name: 'fresh' } });
    await expect(greedy(client, 'fresh')).rejects.toMatchObject({ status: 404 });
    await expect(client.post('/unload_lora_adapter', { body: { lora_name: 'fresh' } })).rejects.toMatchObject({
      status: 404,
    });
  });

  it.each(['../outside', '/etc', '..'])('refuses to load %s, which leaves the folder of adapters', async (path) => {
    const client = await open();
    await expect(load(client, { lora_name: 'x', lora_path: path })).rejects.toMatchObject({
      status: 403,
      code: 'adapter_path_outside',
    });
  });

  it('refuses a prompt that is longer than the context, before any token', async () => {
    const client = await open();
    const prompt = Array.from({ length: 200 }, () => 5);
    await expect(client.completions.create({ model: 'base', prompt })).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    });
  });

  it('says that the port is in use, and leaves nothing open', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(open({ port })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    await new Promise((resolve) => other.close(resolve));
  });

  it('finishes a stream that is under way when it closes', async () => {
    const client = await open();
    const { prompt, answer } = await goldenRow('greedy_base');
    const body = {
      model: 'base',
      prompt,
      max_tokens: answer.length,
      temperature: 0,
      ignore_eos: true,
      stream: true as const,
    };
    const stream = await client.completions.create(body);
    let tokens: number[] = [];
    let closing: Promise<void> | undefined;
    for await (const chunk of stream) {
      tokens = [...tokens, ...((chunk.choices[0] as unknown as { token_ids?: number[] } | undefined)?.token_ids ?? [])];
      closing ??= server?.close();
    }
    await closing;
    expect(tokens).toEqual(answer);
  });

  it('starts with an adapter that it cannot serve, tells of it to those who ask for it, and serves the others', async () => {
    await writeFile(join(folder, 'adapters', 'fresh', 'adapter_model.safetensors'), 'no tensors');
    const client = await open();
    await expect(greedy(client, 'fresh')).rejects.toThrow(/^400 .*adapter_model\.safetensors/);
    expect(await greedy(client, 'base')).toEqual((await goldenRow('greedy_base')).answer);
  });

  it('serves the other adapters where a link leads out of the folder', async () => {
    await cp(join(golden, 'trained'), join(folder, 'outside'), { recursive: true });
    await symlink(join(folder, 'outside'), join(folder, 'adapters', 'leaving'));
    const client = await open();
    expect(server?.failedAdapters).toMatchObject([
      { name: 'leaving', problem: expect.stringContaining('leads out of the folder') },
    ]);
    await expect(greedy(client, 'leaving')).rejects.toThrow('leads out of the folder');
    expect(await greedy(client, 'fresh')).toEqual((await goldenRow('greedy_adapter')).answer);
  });
});
