import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openBaseModel, type BaseModel } from '../../../models/index.ts';
import { toFloat32, type TensorData } from '../../../tensor/index.ts';
import { goldenFolder } from '../../testing/golden-linears.ts';
import { baseChecks, type BaseChecks } from '../base-checks.ts';
import { inspectAdapter } from '../inspect-adapter.ts';
import { loadAdapter, readAdapter } from '../read-adapter.ts';
import { writeAdapter } from '../write-adapter.ts';
import { settled } from '../../testing/settled.ts';

let [folder, dir] = ['', ''];
let base: BaseModel;
let checks: BaseChecks;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-tokens-'));
  base = await openBaseModel(goldenFolder('qwen2', 'model'));
  checks = await baseChecks(base);
});
beforeEach(async () => {
  dir = await mkdtemp(join(folder, 'adapter-'));
  await cp(goldenFolder('adapters/tokens-tied', 'adapter'), dir, { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

async function change(values: object): Promise<void> {
  const path = join(dir, 'adapter_config.json');
  const config = JSON.parse(await readFile(path, 'utf8')) as object;
  await writeFile(path, JSON.stringify({ ...config, ...values }));
}

const numbers = (tensor: TensorData | undefined): number[] => (tensor ? [...toFloat32(tensor)] : []);

describe('an adapter with trainable_token_indices', () => {
  it('changes the rows of these tokens, and those of the head that shares them', async () => {
    const { modules, config } = await loadAdapter(dir, base.modules, { ...checks, ...settled });
    const [embedding, head] = [modules.get('model.embed_tokens'), modules.get('lm_head')];
    expect(embedding).toMatchObject({ kind: 'embedding', rank: 3, scaling: 1 });
    expect(head).toMatchObject({ rank: 3, scaling: 1 });
    const vocab = base.config.vocabSize;
    expect(numbers(embedding?.a).flatMap((value, i) => (value === 1 ? [i % vocab] : []))).toEqual([3, 11, 40]);
    const [hidden, b] = [base.config.hiddenSize, numbers(embedding?.b)];
    expect(numbers(head?.a)).toEqual(Array.from(b, (_, i) => b[(i % hidden) * 3 + Math.floor(i / hidden)]));
    expect(config.targetModules).toContain('model.embed_tokens');
    const order = base.modules.map((module) => module.path);
    expect([...modules.keys()]).toEqual(order.filter((path) => modules.has(path)));
  });

  it('says before its numbers are read what it changes', async () => {
    const { modules, rank } = await inspectAdapter(dir, base.modules, { ...checks, ...settled });
    expect(modules).toEqual(expect.arrayContaining(['model.embed_tokens', 'lm_head']));
    expect(rank).toBe(3);
  });

  it('stays the same when it is written in other formats', async () => {
    const adapter = await loadAdapter(dir, base.modules, { ...checks, ...settled });
    for (const format of ['peft', 'bin'] as const) {
      await writeAdapter(join(dir, format), adapter, { format });
      const again = await loadAdapter(join(dir, format), base.modules, settled);
      expect(again.digest).toBe(adapter.digest);
    }
  });

  it.each<[object, string]>([
    [{ trainable_token_indices: [3, 11] }, 'expected [2, 32]'],
    [{ trainable_token_indices: [3, 11, 3] }, 'the same token twice'],
    [{ trainable_token_indices: [3, 11, 70_000] }, 'the vocabulary had grown before the training. Resize the base'],
    [{ trainable_token_indices: [3, 11, -1] }, 'with the token -1'],
    [{ trainable_token_indices: { wte: [3, 11, 40] } }, 'no tokens are named'],
    [{ trainable_token_indices: { embed_tokens: [3, 11, 40], score: [3] } }, 'no new rows of score'],
    [{ use_dora: true }, 'beside use_dora'],
    [{ trainable_token_indices: null }, 'unexpected base_model.model.model.embed_tokens.token_adapter'],
  ])('is refused where it does not fit: %j', async (values, problem) => {
    await change(values);
    for (const read of [loadAdapter, inspectAdapter]) {
      await expect(read(dir, base.modules, { ...checks, ...settled })).rejects.toThrow(problem);
    }
  });

  it('is refused without its base, whose rows it replaces', async () => {
    await expect(readAdapter(dir, settled)).rejects.toThrow('name the base');
  });
});
