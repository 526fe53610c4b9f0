import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openBaseModel, type BaseModel } from '../../../models/index.ts';
import {
  loadSafetensors,
  numberToBfloat16,
  tensorOf,
  toFloat32,
  writeSafetensors,
  type TensorData,
} from '../../../tensor/index.ts';
import { goldenFolder } from '../../testing/golden-linears.ts';
import { baseChecks, type BaseChecks } from '../base-checks.ts';
import { loadAdapter } from '../read-adapter.ts';
import { settled } from '../../testing/settled.ts';

const copyName = 'base_model.model.model.embed_tokens.base_layer.weight';
let [folder, dir] = ['', ''];
let base: BaseModel;
let checks: BaseChecks;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-copies-'));
  base = await openBaseModel(goldenFolder('qwen2', 'model'));
  checks = await baseChecks(base);
});
beforeEach(async () => {
  dir = await mkdtemp(join(folder, 'adapter-'));
  await cp(goldenFolder('adapters/embeddings-tied', 'adapter'), dir, { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

/** Changes the tensors of the adapter's file. */
async function rewrite(change: (tensors: Map<string, TensorData>, copy: TensorData) => void): Promise<void> {
  const file = join(dir, 'adapter_model.safetensors');
  const { tensors } = await loadSafetensors(file);
  const changed = new Map(tensors);
  const copy = tensors.get(copyName);
  if (copy === undefined) throw new TypeError('the golden case has changed');
  change(changed, copy);
  await writeSafetensors(file, changed, { metadata: { format: 'pt' } });
}

const load = (own: BaseChecks = checks) => loadAdapter(dir, base.modules, { ...own, ...settled });

const moved = (copy: TensorData): TensorData =>
  tensorOf(
    'float32',
    copy.shape,
    toFloat32(copy).map((value, i) => (i === 5 * 32 + 7 ? value + 1e-5 : value)),
  );

describe('a copy of the base in an adapter', () => {
  it('is accepted where it is the same, under both names that PEFT gives it, also for a tied head', async () => {
    const { digest, notes } = await load();
    expect(notes).toEqual(['holds copies of model.embed_tokens, which equal the base and are left out']);
    await rewrite((tensors, copy) => {
      tensors.set('base_model.model.model.embed_tokens.weight', copy);
      tensors.set('base_model.model.lm_head.weight', copy);
    });
    expect(await load()).toMatchObject({
      digest,
      notes: ['holds copies of model.embed_tokens, lm_head, which equal the base and are left out'],
    });
  });

  it('is accepted where it is the base, rounded to its own type', async () => {
    await rewrite((tensors, copy) => {
      const bits = Uint16Array.from(toFloat32(copy), numberToBfloat16);
      tensors.set(copyName, { dtype: 'bfloat16', shape: copy.shape, bytes: new Uint8Array(bits.buffer) });
    });
    await expect(load()).resolves.toBeDefined();
  });

  it.each([copyName, 'base_model.model.lm_head.weight'])('is refused where it is another matrix: %s', async (name) => {
    await rewrite((tensors, copy) => tensors.set(name, moved(copy)));
    await expect(load()).rejects.toMatchObject({
      code: 'LORA_BASE_MISMATCH',
      message: expect.stringMatching(
        /another matrix than that of the base, first in row 5\. .*merge_and_unload.*Otherwise name the base/,
      ) as string,
    });
    // The caller says that the base is another one.
    await expect(load(await baseChecks(base, { anyBase: true }))).resolves.toBeDefined();
  });

  it('is refused with the way to use it, where the head has its own matrix', async () => {
    const untied = await openBaseModel(goldenFolder('llama', 'model'));
    await rm(dir, { recursive: true });
    await cp(goldenFolder('adapters/layers-and-exclusions', 'adapter'), dir, { recursive: true });
    const { tensors } = await loadSafetensors(goldenFolder('llama', 'model/model.safetensors'));
    const own = tensors.get('lm_head.weight');
    if (own === undefined) throw new TypeError('the golden case has changed');
    const file = join(dir, 'adapter_model.safetensors');
    const changed = [
      ...(await loadSafetensors(file)).tensors,
      ['base_model.model.lm_head.weight', moved(own)] as const,
    ];
    await writeSafetensors(file, changed, { metadata: { format: 'pt' } });
    const read = async () => loadAdapter(dir, untied.modules, { ...(await baseChecks(untied)), ...settled });
    await expect(read()).rejects.toThrow(/add "lm_head" to modules_to_save .*espalier adapter merge --base/);
    const path = join(dir, 'adapter_config.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...config, modules_to_save: ['lm_head'] }));
    const { saved, notes } = await read();
    expect([saved?.get('lm_head.weight'), notes]).toMatchObject([{ shape: own.shape }, undefined]);
  });

  it('is told as a grown vocabulary where it has more rows', async () => {
    await rewrite((tensors, copy) => {
      const [rows = 0, width = 0] = copy.shape;
      const grown = new Float32Array((rows + 2) * width);
      grown.set(toFloat32(copy));
      tensors.set('base_model.model.lm_head.weight', tensorOf('float32', [rows + 2, width], grown));
    });
    await expect(load()).rejects.toThrow(/lm_head has \d+ rows there and \d+ in the base, .*resize_token_embeddings/);
  });
});
