import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBaseModel, type BaseModel } from '../../../models/index.ts';
import { goldenFolder } from '../../testing/golden-linears.ts';
import { baseChecks } from '../base-checks.ts';
import { loadAdapter, readAdapter } from '../read-adapter.ts';
import { writeAdapter } from '../write-adapter.ts';
import { adapterDigest } from '../../identity.ts';
import { settled } from '../../testing/settled.ts';
import { compareAdapters } from '../../tools/compare-adapters.ts';
import { planMerge } from '../../tools/merge/plan-merge.ts';

const dir = goldenFolder('adapters/lora-bias', 'adapter');
let folder = '';
let base: BaseModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-bias-'));
  base = await openBaseModel(goldenFolder('qwen2', 'model'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('an adapter with lora_bias', () => {
  it('is read without its base, and stays the same when it is written again', async () => {
    const adapter = await loadAdapter(dir, base.modules, { ...(await baseChecks(base)), ...settled });
    expect([...adapter.modules.values()].every(({ bias }) => bias !== undefined)).toBe(true);
    expect((await readAdapter(dir, settled)).digest).toBe(adapter.digest);
    await writeAdapter(join(folder, 'again'), adapter, { format: 'peft' });
    expect((await readAdapter(join(folder, 'again'), settled)).digest).toBe(adapter.digest);
  });

  it('has an identity of its own, with its biases', async () => {
    const adapter = await readAdapter(dir, settled);
    const without = new Map(
      Array.from(adapter.modules, ([path, { a, b, rank, scaling }]) => [path, { a, b, rank, scaling }] as const),
    );
    expect(await adapterDigest({ modules: without })).not.toBe(adapter.digest);
    const { equal, saved } = await compareAdapters(adapter, { ...adapter, modules: without });
    expect([equal, saved[0]]).toEqual([false, 'model.layers.0.self_attn.q_proj.lora_bias']);
  });

  it('cannot be written in a format that has no place for its biases, and leaves nothing behind', async () => {
    const adapter = await readAdapter(dir, settled);
    for (const format of ['bin', 'onnx'] as const) {
      const writing = writeAdapter(join(folder, format), adapter, { format });
      await expect(writing).rejects.toMatchObject({ code: 'ADAPTER_NOT_EXPRESSIBLE' });
      await expect(readAdapter(join(folder, format))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    }
    const [[path, first] = ['', undefined], ...others] = adapter.modules;
    if (first === undefined) throw new TypeError('the golden case has changed');
    const { a, b, rank, scaling } = first;
    const mixed = { ...adapter, modules: new Map([[path, { a, b, rank, scaling }], ...others]) };
    await expect(writeAdapter(join(folder, 'mixed'), mixed, { format: 'peft' })).rejects.toThrow(`${path} has no bias`);
  });

  it('is not merged into a base that has no biases', async () => {
    const bare = await openBaseModel(goldenFolder('llama', 'model'));
    const unbiased = goldenFolder('adapters/lora-bias-unbiased', 'adapter');
    const { modules } = await loadAdapter(unbiased, bare.modules, settled);
    await expect(planMerge(bare, [{ modules, scale: 1 }])).rejects.toThrow(
      'the checkpoint has no bias of model.layers.0.self_attn.q_proj',
    );
  });
});
