import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openBaseModel, type BaseModel } from '../../../models/index.ts';
import { quantizeBase } from '../../../quantize/index.ts';
import { goldenFolder } from '../../testing/golden-linears.ts';
import { settled } from '../../testing/settled.ts';
import { baseChecks, type BaseChecks } from '../base-checks.ts';
import { inspectAdapter } from '../inspect-adapter.ts';
import { loadAdapter, readAdapter } from '../read-adapter.ts';
import { writeAdapter } from '../write-adapter.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-initial-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function open(model: string): Promise<{ base: BaseModel; checks: BaseChecks }> {
  const base = await openBaseModel(goldenFolder(model, 'model'));
  return { base, checks: await baseChecks(base) };
}

describe('an adapter that began with a part of its base, as PEFT saves it without conversion', () => {
  const cases = ['pissa-unconverted', 'olora-unconverted', 'pissa-dora-unconverted'];

  it.each(cases)('has twice the rank, already before its numbers are read: %s', async (name) => {
    const { base, checks } = await open(name.includes('dora') ? 'gpt2' : 'llama');
    const path = goldenFolder('adapters', `${name}/adapter`);
    const seen = await inspectAdapter(path, base.modules, { ...checks, ...settled });
    const { modules } = await loadAdapter(path, base.modules, { ...checks, ...settled });
    const ranks = Array.from(modules.values(), ({ rank }) => rank);
    expect(seen.rank).toBe(Math.max(...ranks));
    expect(ranks.every((rank) => rank === 4 || rank === 6 || rank === 2)).toBe(true);
    const plain = [...modules].filter(([, { rank }]) => rank === 2);
    expect(plain.every(([, { kind }]) => kind === 'embedding')).toBe(true);
  });

  it.each(cases)('stays the same when it is converted, and then needs no base: %s', async (name) => {
    const { base, checks } = await open(name.includes('dora') ? 'gpt2' : 'llama');
    const path = goldenFolder('adapters', `${name}/adapter`);
    const adapter = await loadAdapter(path, base.modules, { ...checks, ...settled });
    const output = join(folder, name);
    await writeAdapter(output, adapter, { format: 'peft' });
    expect((await readAdapter(output, settled)).digest).toBe(adapter.digest);
  });
});

it('is the same adapter on a graph that another tool made of the base', async () => {
  const path = goldenFolder('adapters', 'pissa-dora-unconverted/adapter');
  const digests = ['model', 'torch-export'].map(async (part) => {
    const base = await openBaseModel(goldenFolder('gpt2', part));
    return (await loadAdapter(path, base.modules, { ...(await baseChecks(base)), ...settled })).digest;
  });
  const [checkpoint, graph] = await Promise.all(digests);
  expect(graph).toBe(checkpoint);
});

describe('such an adapter is refused', () => {
  let dir = '';
  beforeEach(async () => {
    dir = await mkdtemp(join(folder, 'adapter-'));
  });

  async function copied(name: string, values: object): Promise<void> {
    await cp(goldenFolder('adapters', `${name}/adapter`), dir, { recursive: true });
    const path = join(dir, 'adapter_config.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...config, ...values }));
  }

  it('without the base', async () => {
    await copied('olora-unconverted', {});
    await expect(readAdapter(dir, settled)).rejects.toThrow(/init_lora_weights = "olora" .*name the base/);
  });

  it.each([
    ['a head that shares its matrix with the embedding', 'head-tied', 'qwen2', 'pissa', 'on lm_head, whose matrix'],
    ['a weight that OLoRA takes as it is stored', 'dora-gpt2', 'gpt2', 'olora', 'whose weight is stored transposed'],
  ])('on %s', async (_, name, model, initialization, problem) => {
    await copied(name, { init_lora_weights: initialization });
    const { base, checks } = await open(model);
    for (const read of [loadAdapter, inspectAdapter]) {
      await expect(read(dir, base.modules, { ...checks, ...settled })).rejects.toThrow(problem);
    }
  });

  it('with a quantized base, whose weights are other ones, with what to do', async () => {
    await copied('pissa-unconverted', {});
    const quantized = join(folder, 'quantized');
    const floats = (await open('llama')).base;
    const settings = { scheme: 'blocks', bits: 8, blockSize: 16, activations: 'float32', keep: [] } as const;
    await quantizeBase(floats, quantized, settings);
    const base = await openBaseModel(quantized);
    const checks = await baseChecks(base);
    await expect(loadAdapter(dir, base.modules, { ...checks, ...settled })).rejects.toThrow(
      /q_proj, which is quantized here.*espalier adapter convert ADAPTER OUTPUT --base BASE/,
    );
  });

  it('with a number that is none, by the name of its tensor', async () => {
    await copied('olora-unconverted', {});
    const path = join(dir, 'adapter_model.safetensors');
    const bytes = await readFile(path);
    bytes.writeFloatLE(NaN, bytes.length - 4);
    await writeFile(path, bytes);
    const { base, checks } = await open('llama');
    await expect(loadAdapter(dir, base.modules, { ...checks, ...settled })).rejects.toThrow(/lora_[AB]\.weight in/);
  });

  it('where the start was drawn at random, with what to do', async () => {
    await copied('pissa-unconverted', { init_lora_weights: 'pissa_niter_16' });
    const { base, checks } = await open('llama');
    await expect(loadAdapter(dir, base.modules, { ...checks, ...settled })).rejects.toThrow(
      /pissa_niter_16.*path_initial_model_for_weight_conversion/,
    );
  });
});
