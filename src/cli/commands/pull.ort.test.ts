import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { commit, goldenFiles, name } from '../../hub/testing/fixtures.ts';
import { loadSafetensors } from '../../tensor/index.ts';
import { HubServer } from '../../hub/testing/hub-server.ts';
import { espalier, goldenFolder, writeGoldenRows } from '../testing/run-espalier.ts';

let server: HubServer;
let adapters: HubServer;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-pull-'));
  server = await HubServer.start({ name, commit, files: await goldenFiles() });
  const adapter = join(goldenFolder('llama'), 'trained');
  const files: Record<string, Uint8Array> = {};
  for (const file of await readdir(adapter)) files[file] = await readFile(join(adapter, file));
  adapters = await HubServer.start({ name: 'org/trained', commit: 'b'.repeat(40), files });
});

beforeEach(() => {
  server.requests.length = 0;
  vi.stubEnv('HF_ENDPOINT', server.endpoint);
  vi.stubEnv('HF_HUB_CACHE', join(folder, 'hub'));
  vi.stubEnv('HF_TOKEN_PATH', '/none');
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([server[Symbol.asyncDispose](), adapters[Symbol.asyncDispose]()]);
  await rm(folder, { recursive: true });
});

const snapshot = (): string => join(folder, 'hub', 'models--org--tiny-llama', 'snapshots', commit);

describe('espalier inspect of a model on the hub', () => {
  it('says whether it can be used, from its configuration alone', async () => {
    const { stdout } = await espalier(['inspect', `hf:${name}`, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'hub-model', usable: true, family: 'llama', task: 'causal-lm' });
    expect(server.downloads().map(({ path }) => path.split('/').at(-1))).toEqual(['config.json']);
    expect((await espalier(['inspect', `hf:${name}`])).stdout).toContain('can be used');
  });

  it('says what is missing', async () => {
    const files = { 'config.json': Buffer.from('{"model_type": "rwkv"}'), 'pytorch_model.bin': new Uint8Array(3) };
    await using other = await HubServer.start({ name, commit, files });
    vi.stubEnv('HF_ENDPOINT', other.endpoint);
    const { stdout, exitCode } = await espalier(['inspect', `hf:${name}`]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /cannot be used[^]*MODEL_ARCHITECTURE_UNSUPPORTED[^]*MODEL_WEIGHTS_NOT_FOUND.*pytorch_model/,
    );
  });
});

describe('espalier inspect of other repositories on the hub', () => {
  const inspected = async (
    files: Record<string, Uint8Array>,
  ): Promise<{ answer: unknown; text: string; hub: HubServer }> => {
    const hub = await HubServer.start({ name, commit, files });
    vi.stubEnv('HF_ENDPOINT', hub.endpoint);
    try {
      const { stdout } = await espalier(['inspect', `hf:${name}`, '--json']);
      return { answer: JSON.parse(stdout), text: (await espalier(['inspect', `hf:${name}`])).stdout, hub };
    } finally {
      await hub[Symbol.asyncDispose]();
    }
  };
  const golden = (path: string): Promise<Uint8Array> => readFile(goldenFolder(path));
  const gguf = (file: string): Promise<Uint8Array> => golden(join('gguf', file));

  it('reads the header of one GGUF file, and says how it is chosen', async () => {
    const files = {
      'tiny-Q4_K.gguf': await gguf('llama-q4_k.gguf'),
      'tiny-Q8_0.gguf': await gguf('llama-q8_0.gguf'),
      'mmproj-f16.gguf': new Uint8Array(9),
    };
    const { answer, text, hub } = await inspected(files);
    const expected = {
      usable: true,
      family: 'llama',
      file: 'tiny-Q8_0.gguf',
      others: ['tiny-Q4_K.gguf'],
      problems: [],
    };
    expect(answer).toMatchObject({ ...expected, weightBytes: files['tiny-Q8_0.gguf'].length });
    expect(text).toContain("--include 'tiny-Q8_0.gguf'");
    const downloads = hub.downloads();
    expect(downloads.every(({ path, range }) => path.endsWith('tiny-Q8_0.gguf') && range !== undefined)).toBe(true);
  });

  it('says why a GGUF file cannot be used', async () => {
    const bytes = Buffer.from(await gguf('llama-q8_0.gguf'));
    const at = bytes.indexOf('llama', bytes.indexOf('general.architecture'));
    bytes.write('rwkv7', at);
    const { answer } = await inspected({ 'tiny.gguf': bytes });
    expect(answer).toMatchObject({ usable: false, problems: [{ code: 'GGUF_UNSUPPORTED' }] });
  });

  it('knows a decoder that embeds, whose files have no head', async () => {
    const config = JSON.parse(String(await golden('qwen3/model/config.json'))) as Record<string, unknown>;
    const { tensors } = await loadSafetensors(goldenFolder('qwen3/model/model.safetensors'));
    const places = [...tensors.keys()].map((key) => [key.replace(/^model\./, ''), 'model-00001-of-00001.safetensors']);
    const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
    const files = {
      'config.json': json({ ...config, tie_word_embeddings: false }),
      'model.safetensors.index.json': json({ weight_map: Object.fromEntries(places) }),
      'model-00001-of-00001.safetensors': new Uint8Array(9),
      'modules.json': await golden('embedders/qwen3-embedding/model/modules.json'),
      '1_Pooling/config.json': await golden('embedders/qwen3-embedding/model/1_Pooling/config.json'),
    };
    expect((await inspected(files)).answer).toMatchObject({ usable: true, family: 'qwen3', task: 'embedding' });
    const other = { ...files, '1_Pooling/config.json': json({ pooling_mode: 'unheard' }) };
    expect((await inspected(other)).answer).toMatchObject({ problems: [{ code: 'MODEL_FEATURE_UNSUPPORTED' }] });
    const { 'modules.json': _, ...without } = files;
    expect((await inspected(without)).answer).toMatchObject({ problems: [{ code: 'MODEL_WEIGHTS_MISMATCH' }] });
  });
});

describe('espalier pull', () => {
  it('tells where the model is', async () => {
    const { stdout, exitCode } = await espalier(['pull', `hf:${name}`, '--json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name, revision: 'main', commit, dir: snapshot(), files: 3 });
  });

  it('says when it had to make do with the cache', async () => {
    await espalier(['pull', `hf:${name}`]);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    const { stdout, stderr } = await espalier(['pull', `hf:${name}`]);
    vi.stubEnv('HF_HUB_OFFLINE', '');
    expect(stdout).toBe(`${snapshot()}\n`);
    expect(stderr).toContain('HF_HUB_OFFLINE is set');
  });

  it.each([
    { words: ['pull', 'org/name'], code: 'CLI_BAD_VALUE', exit: 2 },
    { words: ['pull', 'hf:a/b/c'], code: 'HUB_REFERENCE_INVALID', exit: 1 },
    { words: ['pull', 'hf:org/other'], code: 'HUB_REPOSITORY_NOT_FOUND', exit: 1 },
    { words: ['inspect', 'hf:org/tiny-llama@v9'], code: 'HUB_REVISION_NOT_FOUND', exit: 1 },
  ])('refuses $words with $code', async ({ words, code, exit }) => {
    const { stdout, exitCode } = await espalier([...words, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code } });
    expect(exitCode).toBe(exit);
  });

  it('ends at Ctrl-C', async () => {
    const controller = new AbortController();
    server.intercept = () => {
      controller.abort(new DOMException('Interrupted.', 'AbortError'));
      return true;
    };
    const { exitCode } = await espalier(['pull', `hf:${name}@${commit}`], controller.signal);
    server.intercept = () => false;
    expect(exitCode).toBe(130);
  });
});

describe('a model of the hub', () => {
  it('stands wherever a base and an adapter can', async () => {
    const golden = goldenFolder('llama');
    const generate = async (base: string, adapter: string): Promise<unknown> => {
      const words = ['--input-ids', '1,2,3', '--max-tokens', '8', '--json'];
      const { stdout } = await espalier(['generate', '--base', base, '--adapter', `${adapter}=0.5`, ...words]);
      return JSON.parse(stdout);
    };
    const expected = await generate(join(golden, 'model'), join(golden, 'trained'));
    await espalier(['pull', `hf:${name}`]);
    server.requests.length = 0;
    vi.stubEnv('HF_ENDPOINT', adapters.endpoint);
    expect(await generate(`hf:${name}`, 'hf:org/trained')).toEqual(expected);
    expect(expected).toMatchObject({ finishReason: 'length' });
    expect(server.requests).toEqual([]);
  });

  it('is trained from a settings file, scored and inspected, and names itself in the adapter', async () => {
    const data = await writeGoldenRows(goldenFolder('llama'), join(folder, 'rows.jsonl'));
    const settings = join(folder, 'run.yaml');
    await writeFile(settings, `base: hf:${name}\ndata: ${data}\nmax_steps: 1\n`.replace('max_steps', 'max-steps'));
    const output = join(folder, 'adapter');
    expect(await espalier(['train', '--config', settings, '--output', output, '--json'])).toMatchObject({
      exitCode: 0,
    });
    const config: unknown = JSON.parse(await readFile(join(output, 'adapter_config.json'), 'utf8'));
    expect(config).toMatchObject({ base_model_name_or_path: name });
    const score = ['score', '--base', `hf:${name}`, '--adapter', output, '--input-ids', '1,2,3'];
    expect(await espalier(score)).toMatchObject({ exitCode: 0 });
    expect((await espalier(['inspect', `hf:${name}`])).stdout).toContain('llama');
  });
});
