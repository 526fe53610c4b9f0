import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBaseModel, type BaseModel } from '../../../models/index.ts';
import { goldenFolder } from '../../testing/golden-linears.ts';
import { baseChecks } from '../base-checks.ts';
import { loadAdapter, readAdapter } from '../read-adapter.ts';
import { writeAdapter } from '../write-adapter.ts';
import { settled } from '../../testing/settled.ts';

const dir = goldenFolder('adapters/lora-bias', 'adapter');
let folder = '';
let base: BaseModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-bias-'));
  base = await openBaseModel(goldenFolder('qwen2', 'model'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('an adapter with lora_bias', () => {
  it('cannot be written in a format that has no place for its biases, and leaves nothing behind', async () => {
    const adapter = await loadAdapter(dir, base.modules, { ...(await baseChecks(base)), ...settled });
    for (const format of ['peft', 'bin', 'onnx'] as const) {
      const writing = writeAdapter(join(folder, format), adapter, { format });
      await expect(writing).rejects.toMatchObject({ code: 'ADAPTER_NOT_EXPRESSIBLE' });
      await expect(readAdapter(join(folder, format))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    }
  });

  it('is refused without its base, and on a base without biases', async () => {
    await expect(readAdapter(dir, settled)).rejects.toThrow('lora_bias without the base');
    const bare = { ...base, weights: new Map([...base.weights].filter(([name]) => !name.endsWith('.bias'))) };
    const checks = await baseChecks(bare, { anyBase: true });
    await expect(loadAdapter(dir, base.modules, { ...checks, ...settled })).rejects.toThrow(
      'model.layers.0.self_attn.q_proj has no bias in the base',
    );
  });
});
