import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBaseModel, type BaseModel } from '../../../models/index.ts';
import { loadSafetensors, tensorOf, writeSafetensors, type TensorData } from '../../../tensor/index.ts';
import { goldenFolder } from '../../testing/golden-linears.ts';
import { loadAdapter, readAdapter } from '../read-adapter.ts';
import { writeAdapter } from '../write-adapter.ts';
import { settled } from '../../testing/settled.ts';

const golden = goldenFolder('families/gemma3-multimodal', 'adapter');
let [folder, older] = ['', ''];
let base: BaseModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-older-'));
  older = join(folder, 'older');
  base = await openBaseModel(goldenFolder('families/gemma3-multimodal', 'model'));
  await writeAdapter(older, await readAdapter(golden), { format: 'peft' });
  const file = join(older, 'adapter_model.safetensors');
  const { tensors } = await loadSafetensors(file);
  const renamed = [...tensors].map(
    ([name, tensor]) => [name.replace('.model.model.language_model.', '.model.language_model.model.'), tensor] as const,
  );
  await writeSafetensors(file, renamed, { metadata: { format: 'pt' } });
});
afterAll(() => rm(folder, { recursive: true }));

describe('an adapter with the names of models of images and text before transformers 4.52', () => {
  it.each([
    ['.*language_model.*\\.(q|k|v|o|gate|up|down)_proj'],
    ['language_model\\.model\\.layers\\.\\d+\\.(self_attn|mlp)\\.(q|k|v|o|gate|up|down)_proj'],
    [['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']],
  ])('is the adapter with the names of today: targets %j', async (targets) => {
    const path = join(older, 'adapter_config.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...config, target_modules: targets }));
    const adapter = await loadAdapter(older, base.modules, settled);
    const today = await loadAdapter(golden, base.modules, settled);
    expect(adapter.digest).toBe(today.digest);
    await writeAdapter(join(folder, 'again'), adapter, { format: 'peft', replace: true });
    expect(await loadAdapter(join(folder, 'again'), base.modules, settled)).toMatchObject({ digest: today.digest });
  });
});

describe('an adapter with the names of the text part of a model of images and text, opened alone', () => {
  it('is the adapter with the names of the whole model', async () => {
    const text = goldenFolder('families/qwen3-5-multimodal', 'adapter');
    const { modules } = await openBaseModel(goldenFolder('families/qwen3-5-multimodal', 'model'));
    const dir = join(folder, 'text');
    await renamedCopy(text, dir, (name) => name.replace('.model.language_model.', '.model.'), {
      target_modules: '^model\\.layers.*(_proj|in_proj_qkv|in_proj_z|in_proj_a|in_proj_b)',
    });
    const whole = await loadAdapter(text, modules, settled);
    expect((await loadAdapter(dir, modules, settled)).digest).toBe(whole.digest);
  });
});

describe('an adapter of the head of GPT-NeoX, which transformers 5 calls lm_head', () => {
  it.each(['lora_A', 'saved'])('is one of embed_out: %s', async (kind) => {
    const neox = await openBaseModel(goldenFolder('families/gpt-neox', 'model'));
    const { hiddenSize: width, vocabSize: out } = neox.config;
    const tensor = (...shape: [number, number]): TensorData =>
      tensorOf(
        'float32',
        shape,
        Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.sin(i)),
      );
    const parts: Record<string, TensorData> =
      kind === 'saved'
        ? { weight: tensor(out, width) }
        : { 'lora_A.weight': tensor(2, width), 'lora_B.weight': tensor(out, 2) };
    const load = async (head: string): ReturnType<typeof loadAdapter> => {
      const dir = join(folder, `${head}-${kind}`);
      const own =
        kind === 'saved'
          ? { modules_to_save: [head] }
          : { target_modules: ['query_key_value', 'dense', 'dense_h_to_4h', 'dense_4h_to_h', head] };
      const extra = Object.entries(parts).map(([name, data]) => [`base_model.model.${head}.${name}`, data] as const);
      await renamedCopy(goldenFolder('families/gpt-neox', 'adapter'), dir, (name) => name, own, extra);
      return loadAdapter(dir, neox.modules, { ...settled, weights: neox.weights });
    };
    const [today, then] = [await load('lm_head'), await load('embed_out')];
    expect(today.digest).toBe(then.digest);
    expect([...today.modules.keys(), ...(today.saved?.keys() ?? [])].join()).toContain('embed_out');
  });
});

/** An adapter with other names of tensors, other settings, and further tensors. */
async function renamedCopy(
  from: string,
  dir: string,
  rename: (name: string) => string,
  settings: object,
  further: readonly (readonly [string, TensorData])[] = [],
): Promise<void> {
  await cp(from, dir, { recursive: true });
  const path = join(dir, 'adapter_config.json');
  const config = JSON.parse(await readFile(path, 'utf8')) as object;
  await writeFile(path, JSON.stringify({ ...config, ...settings }));
  const file = join(dir, 'adapter_model.safetensors');
  const { tensors } = await loadSafetensors(file);
  const renamed = [...tensors].map(([name, tensor]) => [rename(name), tensor] as const);
  await writeSafetensors(file, [...renamed, ...further], { metadata: { format: 'pt' } });
}
