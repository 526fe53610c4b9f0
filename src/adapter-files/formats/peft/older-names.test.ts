import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBaseModel, type BaseModel } from '../../../models/index.ts';
import { loadSafetensors, writeSafetensors } from '../../../tensor/index.ts';
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
