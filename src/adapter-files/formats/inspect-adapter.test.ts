import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AdaptableModule } from '../../ir/index.ts';
import { goldenFolder, goldenLinears } from '../testing/golden-linears.ts';
import { loraMetadata, tinyGguf } from '../testing/tiny-gguf.ts';
import { tensorOf, toFloat32 } from '../../tensor/index.ts';
import { inspectAdapter } from './inspect-adapter.ts';
import { loadAdapter, type ReadAdapter } from './read-adapter.ts';
import { writeAdapter } from './write-adapter.ts';
import { settled } from '../testing/settled.ts';

const golden = goldenFolder('llama', 'trained');
let [folder, dir] = ['', ''];
let linears: AdaptableModule[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  linears = await goldenLinears();
});
beforeEach(async () => {
  dir = await mkdtemp(join(folder, 'adapter-'));
  await cp(golden, dir, { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

/** What a full reading of the adapter gives, in the words of an inspection. */
function factsOf({ format, config, baseName, modules }: ReadAdapter): object {
  const all = [...modules.values()];
  return {
    format,
    config,
    baseName,
    rank: Math.max(...all.map(({ rank }) => rank)),
    dora: false,
    modules: [...modules.keys()],
    saved: [],
    bytes: all.reduce((sum, { a, b }) => sum + 4 * (toFloat32(a).length + toFloat32(b).length), 0),
  };
}

describe('inspectAdapter', () => {
  it.each(['peft', 'bin', 'onnx'] as const)('says of %s what the whole adapter says', async (format) => {
    const path = join(dir, format);
    await writeAdapter(path, await loadAdapter(golden, linears), { format });
    const loaded = await loadAdapter(path, linears, settled);
    expect(await inspectAdapter(path, linears, settled)).toEqual(factsOf(loaded));
  });

  it('says of GGUF what the whole adapter says', async () => {
    const tensors = [
      ['blk.0.ffn_up.weight.lora_b', tensorOf('float32', [64, 2], new Float32Array(128))],
      ['blk.0.ffn_up.weight.lora_a', tensorOf('float32', [2, 32], new Float32Array(64))],
    ] as const;
    // A header that the first reading does not take in.
    const long = { 'general.description': 'x'.repeat(60_000), 'general.notes': 'y'.repeat(60_000) };
    const path = join(dir, 'gguf');
    const { in: width = 0, out = 0 } = linears.find(({ path: name }) => name.endsWith('0.mlp.up_proj')) ?? {};
    expect([width, out]).toEqual([32, 64]);
    await writeFile(path, tinyGguf({ metadata: { ...loraMetadata, ...long }, tensors }));
    const loaded = await loadAdapter(path, linears, settled);
    expect(await inspectAdapter(path, linears, settled)).toEqual(factsOf(loaded));
  });

  it('does not look at the numbers', async () => {
    const file = join(dir, 'adapter_model.safetensors');
    const bytes = await readFile(file);
    bytes.writeFloatLE(NaN, bytes.length - 4);
    await writeFile(file, bytes);
    await expect(loadAdapter(dir, linears, settled)).rejects.toMatchObject({ code: 'TENSOR_NOT_FINITE' });
    expect(await inspectAdapter(dir, linears, settled)).toMatchObject({ format: 'peft', rank: 4 });
  });

  it.each([
    ['no weights', () => rm(join(dir, 'adapter_model.safetensors'))],
    ['no configuration', () => rm(join(dir, 'adapter_config.json'))],
    ['half the weights', () => truncate(join(dir, 'adapter_model.safetensors'), 5000)],
    ['a configuration that is no JSON', () => writeFile(join(dir, 'adapter_config.json'), '{')],
    [
      'another rank',
      async () => {
        const path = join(dir, 'adapter_config.json');
        const config: object = JSON.parse(await readFile(path, 'utf8'));
        await writeFile(path, JSON.stringify({ ...config, r: 5 }));
      },
    ],
  ])('refuses %s as the loading does', async (_, damage) => {
    await damage();
    const refusal: unknown = await loadAdapter(dir, linears, settled).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Error);
    await expect(inspectAdapter(dir, linears, settled)).rejects.toEqual(refusal);
  });

  it('refuses modules that the base lacks, in every format', async () => {
    const adapter = await loadAdapter(golden, linears);
    const others = linears.filter(({ path }) => !path.endsWith('up_proj'));
    for (const format of ['peft', 'bin', 'onnx'] as const) {
      const path = join(dir, `other-${format}`);
      await writeAdapter(path, adapter, { format });
      await expect(inspectAdapter(path, others, settled)).rejects.toMatchObject({
        code: 'LORA_BASE_MISMATCH',
      });
    }
  });
});
