import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSafetensors, tensorOf, toFloat32 } from '../../../tensor/index.ts';
import { initAdapter } from '../../../lora/init-adapter.ts';
import { loadPeftAdapter } from './load-peft-adapter.ts';
import type { LoraConfig } from '../../../lora/lora-config.ts';
import { savePeftAdapter } from './save-peft-adapter.ts';
import { goldenFolder, goldenLinears } from '../../testing/golden-linears.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterAll(() => rm(folder, { recursive: true }));

const small: LoraConfig = { rank: 2, alpha: 4, dropout: 0, targetModules: ['q_proj', 'down_proj'] };

describe('loading', () => {
  it.each([
    ['llama', 'adapter'],
    ['llama', 'trained'],
    ['llama-d16', 'adapter'],
    ['llama-d16', 'trained'],
  ] as const)('takes %s/%s as PEFT wrote it', async (name, part) => {
    const linears = await goldenLinears(name);
    const dir = goldenFolder(name, part);
    const adapter = await loadPeftAdapter(dir, linears);
    expect([...adapter.modules.keys()]).toEqual(linears.map(({ path }) => path).filter((path) => path !== 'lm_head'));
    expect(adapter.digest).toMatch(/^[0-9a-f]{64}$/);
    const { tensors } = await loadSafetensors(join(dir, 'adapter_model.safetensors'));
    const path = 'model.layers.1.mlp.up_proj';
    expect(adapter.modules.get(path)).toEqual({
      rank: 4,
      scaling: 2,
      a: tensors.get(`base_model.model.${path}.lora_A.weight`),
      b: tensors.get(`base_model.model.${path}.lora_B.weight`),
    });
  });

  it('names each content by its own hash', async () => {
    const linears = await goldenLinears();
    const [one, other, again] = await Promise.all(
      ['adapter', 'trained', 'adapter'].map((part) => loadPeftAdapter(goldenFolder('llama', part), linears)),
    );
    expect(one?.digest).toBe(again?.digest);
    expect(one?.digest).not.toBe(other?.digest);
  });

  it('needs both files', async () => {
    const dir = await mkdtemp(join(folder, 'empty-'));
    await expect(loadPeftAdapter(dir, [])).rejects.toThrow('adapter_config.json');
    await writeFile(join(dir, 'adapter_config.json'), '{"peft_type":"LORA","target_modules":["q_proj"]}');
    await expect(loadPeftAdapter(dir, [])).rejects.toThrow('adapter_model.safetensors');
    await expect(loadPeftAdapter(dir, [])).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('saving', () => {
  it.each([
    ['a list of names', small],
    ['a regular expression', { ...small, targetModules: '.*\\.(v|o)_proj' }],
    ['all linear modules', { ...small, targetModules: 'all-linear', dropout: 0.1 }],
    ['the head too', { ...small, targetModules: ['lm_head', 'k_proj'] }],
    ['ranks of their own', { ...small, rankPattern: { 'layers.1.self_attn.q_proj': 3 }, alphaPattern: { q_proj: 1 } }],
    ['rank-stabilised scaling', { ...small, useRslora: true }],
  ] satisfies [string, LoraConfig][])('gives back what was saved, with %s', async (_, config: LoraConfig) => {
    const linears = await goldenLinears();
    const modules = await initAdapter(linears, config, { seed: 7 });
    const dir = join(await mkdtemp(join(folder, 'save-')), 'adapter');
    await savePeftAdapter(dir, { config, modules, baseName: 'some/base' });
    const loaded = await loadPeftAdapter(dir, linears);
    expect(loaded.modules).toEqual(modules);
    expect(loaded.config).toEqual({ rankPattern: {}, alphaPattern: {}, useRslora: false, ...config });
    expect(loaded.baseName).toBe('some/base');
    expect((await readdir(dir)).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    expect(await readdir(join(dir, '..'))).toEqual(['adapter']);
  });

  it('writes the keys that PEFT knows and the metadata that it asks for', async () => {
    const modules = await initAdapter(await goldenLinears(), small, { seed: 1 });
    const dir = join(folder, 'keys');
    await savePeftAdapter(dir, { config: small, modules });
    const golden: object = JSON.parse(
      await readFile(join(goldenFolder('llama', 'adapter'), 'adapter_config.json'), 'utf8'),
    );
    const written: object = JSON.parse(await readFile(join(dir, 'adapter_config.json'), 'utf8'));
    expect(Object.keys(golden)).toEqual(expect.arrayContaining(Object.keys(written)));
    expect(written).toMatchObject({ peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['q_proj', 'down_proj'] });
    const { metadata, tensors } = await loadSafetensors(join(dir, 'adapter_model.safetensors'));
    expect(metadata).toEqual({ format: 'pt' });
    expect(tensors.get('base_model.model.model.layers.0.mlp.down_proj.lora_A.weight')?.shape).toEqual([2, 64]);
    expect(tensors.get('base_model.model.model.layers.0.mlp.down_proj.lora_B.weight')?.shape).toEqual([32, 2]);
  });

  it('never writes over a folder or a file, unless told to replace', async () => {
    const linears = await goldenLinears();
    const modules = await initAdapter(linears, small, { seed: 1 });
    const parent = await mkdtemp(join(folder, 'exists-'));
    const [full, empty] = [join(parent, 'full'), join(parent, 'empty')];
    await savePeftAdapter(full, { config: small, modules });
    await mkdir(empty);
    for (const dir of [full, empty]) {
      await expect(savePeftAdapter(dir, { config: small, modules })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    }
    const other = await initAdapter(linears, small, { seed: 2 });
    await savePeftAdapter(full, { config: small, modules: other }, { replace: true });
    expect((await loadPeftAdapter(full, linears)).modules).toEqual(other);
    expect((await readdir(parent)).sort()).toEqual(['empty', 'full']);
  });

  it('leaves nothing behind when it fails', async () => {
    const parent = await mkdtemp(join(folder, 'fails-'));
    const b = tensorOf('float32', [1, 1], [1]);
    const modules = new Map([['x', { a: { ...b, shape: [2, 2] }, b }]]);
    await expect(savePeftAdapter(join(parent, 'a'), { config: small, modules })).rejects.toMatchObject({
      code: 'SAFETENSORS_NOT_WRITABLE',
    });
    await expect(savePeftAdapter(join(parent, 'b'), { config: { ...small, rank: 0 }, modules })).rejects.toMatchObject({
      code: 'LORA_CONFIG_INVALID',
    });
    expect(await readdir(parent)).toEqual([]);
  });
});

describe('a new adapter', () => {
  it('has a uniform A within ±1/√in, and a B of zeros', async () => {
    const modules = await initAdapter(
      [{ path: 'wide', in: 400, out: 3 }],
      { ...small, rank: 8, targetModules: ['wide'] },
      { seed: 3 },
    );
    const { a, b, scaling } = modules.get('wide') ?? {};
    const values = a ? toFloat32(a) : new Float32Array();
    const bound = 1 / 20;
    expect([values.length, scaling]).toEqual([3200, 0.5]);
    expect(Math.max(...values)).toBeGreaterThan(bound * 0.99);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.min(...values)).toBeLessThan(-bound * 0.99);
    expect(Math.abs(values.reduce((sum, value) => sum + value, 0) / values.length)).toBeLessThan(bound / 20);
    expect(b).toEqual(tensorOf('float32', [3, 8], new Float32Array(24)));
  });

  it('draws a module the same numbers whatever other modules there are, and others with another seed', async () => {
    const linears = await goldenLinears();
    const alone = await initAdapter(linears, { ...small, targetModules: ['q_proj'] }, { seed: 5 });
    const all = await initAdapter(linears, { ...small, targetModules: 'all-linear' }, { seed: 5 });
    const other = await initAdapter(linears, { ...small, targetModules: ['q_proj'] }, { seed: 6 });
    const path = 'model.layers.1.self_attn.q_proj';
    expect(all.get(path)).toEqual(alone.get(path));
    expect(other.get(path)).not.toEqual(alone.get(path));
    expect(all.get(path)?.a).not.toEqual(all.get('model.layers.0.self_attn.q_proj')?.a);
  });
});
