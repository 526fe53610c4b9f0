import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { loadSafetensors, tensorOf, writeSafetensors, type TensorData } from '../tensor/index.ts';
import { openBaseModel } from './open-base-model.ts';
import { goldenDir, withGoldenCopy, withTempDir } from './testing/fixtures.ts';

type Tensors = Map<string, TensorData>;

/** A golden checkpoint whose weights and configuration were changed. */
function withChanged<T>(
  { weights, config }: { weights?: (tensors: Tensors) => void; config?: Record<string, unknown> },
  use: (dir: string) => Promise<T>,
): Promise<T> {
  return withGoldenCopy(async (dir) => {
    const path = join(dir, 'model.safetensors');
    const { tensors } = await loadSafetensors(path);
    weights?.(tensors);
    await writeSafetensors(path, tensors);
    await changeConfig(dir, config ?? {});
    return use(dir);
  });
}

async function changeConfig(dir: string, changes: Record<string, unknown>): Promise<void> {
  const path = join(dir, 'config.json');
  const json: unknown = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify(Object.assign({}, json, changes)));
}

/** Splits a golden checkpoint into two shards and an index. */
async function shard(dir: string, change: (places: Record<string, string>) => void = () => undefined): Promise<void> {
  const path = join(dir, 'model.safetensors');
  const { tensors } = await loadSafetensors(path);
  await rm(path);
  const places: Record<string, string> = {};
  const names = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const halves: [string, TensorData][][] = [[], []];
  [...tensors].forEach((entry, i) => {
    halves[i % 2]?.push(entry);
    places[entry[0]] = names[i % 2] ?? '';
  });
  for (const [i, half] of halves.entries()) await writeSafetensors(join(dir, names[i] ?? ''), half);
  change(places);
  await writeFile(join(dir, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: places }));
}

describe('openBaseModel', () => {
  it('says where every weight lies', async () => {
    const base = await openBaseModel(goldenDir('llama', 'model'));
    expect(base.config).toMatchObject({ family: 'llama', layers: 2, heads: 4, kvHeads: 2, headDim: 8 });
    expect(base.weights.size).toBe(3 + 2 * 9);
    const ref = base.weights.get('model.layers.1.mlp.down_proj.weight');
    expect(ref).toMatchObject({
      location: 'model.safetensors',
      dtype: 'float32',
      shape: [32, 64],
      length: 32 * 64 * 4,
    });
    const { tensors } = await loadSafetensors(join(base.dir, 'model.safetensors'));
    const file = await readFile(join(base.dir, 'model.safetensors'));
    const bytes = file.subarray(ref?.offset, (ref?.offset ?? 0) + (ref?.length ?? 0));
    expect(bytes.equals(tensors.get('model.layers.1.mlp.down_proj.weight')?.bytes ?? new Uint8Array())).toBe(true);
  });

  it('lists the modules that an adapter can target', async () => {
    const { modules: linears } = await openBaseModel(goldenDir('llama', 'model'));
    expect(linears).toHaveLength(1 + 2 * 7 + 1);
    expect(linears[0]).toEqual({ path: 'model.embed_tokens', kind: 'embedding', in: 128, out: 32 });
    expect(linears[2]).toEqual({ path: 'model.layers.0.self_attn.k_proj', in: 32, out: 16 });
    expect(linears.at(-1)).toEqual({ path: 'lm_head', in: 32, out: 128 });
  });

  it('finds weights in shards', () =>
    withGoldenCopy(async (dir) => {
      const whole = await openBaseModel(dir);
      await shard(dir);
      const { weights } = await openBaseModel(dir);
      expect([...weights.keys()]).toEqual([...whole.weights.keys()]);
      expect(new Set([...weights.values()].map((ref) => ref.location)).size).toBe(2);
    }));

  it.each<[string, (places: Record<string, string>) => void, RegExp]>([
    [
      'places a tensor in the wrong shard',
      (p) => (p['lm_head.weight'] = 'model-00002-of-00002.safetensors'),
      /lm_head/,
    ],
    ['names a tensor that is nowhere', (p) => (p['ghost'] = 'model-00001-of-00002.safetensors'), /lacks ghost/],
    ['leaves a tensor out', (p) => delete p['model.norm.weight'], /model\.norm\.weight/],
  ])('refuses an index that %s', (_, change, message) =>
    withGoldenCopy(async (dir) => {
      await shard(dir, change);
      const opened = openBaseModel(dir);
      await expect(opened).rejects.toMatchObject({ code: 'MODEL_WEIGHTS_MISMATCH' });
      await expect(opened).rejects.toThrow(message);
    }),
  );

  it.each(['../elsewhere.safetensors', '/etc/passwd', '..'])('refuses a shard outside the folder: %s', (path) =>
    withGoldenCopy(async (dir) => {
      await shard(dir, (places) => (places['lm_head.weight'] = path));
      await expect(openBaseModel(dir)).rejects.toMatchObject({ code: 'MODEL_CONFIG_INVALID' });
    }),
  );

  it.each<[string, (tensors: Tensors) => void, RegExp]>([
    ['missing', (t) => t.delete('model.norm.weight'), /model\.norm\.weight is missing/],
    ['unexpected', (t) => t.set('extra', tensorOf('float32', [1], [0])), /extra is unexpected/],
    [
      'mis-shaped',
      (t) =>
        t.set(
          'model.norm.weight',
          tensorOf(
            'float32',
            [31],
            Array.from({ length: 31 }, () => 1),
          ),
        ),
      /\[31\], expected \[32\]/,
    ],
    [
      'of an unusable type',
      (t) =>
        t.set(
          'model.norm.weight',
          tensorOf(
            'int8',
            [32],
            Array.from({ length: 32 }, () => 1),
          ),
        ),
      /int8, expected float32/,
    ],
  ])('refuses a weight that is %s', (_, weights, message) =>
    withChanged({ weights }, async (dir) => {
      const opened = openBaseModel(dir);
      await expect(opened).rejects.toMatchObject({ code: 'MODEL_WEIGHTS_MISMATCH' });
      await expect(opened).rejects.toThrow(message);
    }),
  );

  it('takes old rotary buffers for what they are', () =>
    withChanged(
      { weights: (t) => t.set('model.layers.0.self_attn.rotary_emb.inv_freq', tensorOf('float32', [1], [1])) },
      async (dir) => expect((await openBaseModel(dir)).weights.size).toBe(21),
    ));

  it.each<[string, (tensors: Map<string, TensorData>) => void, boolean]>([
    ['absent', (t) => t.delete('lm_head.weight'), false],
    ['a copy', (t) => t.set('lm_head.weight', t.get('model.embed_tokens.weight') as TensorData), false],
    ['another matrix', () => undefined, true],
  ])('computes with the head of the file where the configuration ties it and it is %s', (_, weights, isOwn) =>
    withChanged({ config: { tie_word_embeddings: true }, weights: (t) => void weights(t) }, async (dir) => {
      const base = await openBaseModel(dir);
      expect([base.weights.has('lm_head.weight'), base.config.tiedEmbeddings]).toEqual([isOwn, !isOwn]);
    }),
  );

  it('asks for biases where the configuration has them', () =>
    withChanged({ config: { attention_bias: true } }, async (dir) => {
      await expect(openBaseModel(dir)).rejects.toThrow(/q_proj\.bias is missing/);
    }));

  it.each<[string, unknown, number[]]>([
    ['one', 7, [7]],
    ['several', [7, 9], [7, 9]],
  ])('prefers generation_config.json, with %s end token', (_, eos, expected) =>
    withGoldenCopy(async (dir) => {
      await writeFile(join(dir, 'generation_config.json'), JSON.stringify({ eos_token_id: eos }));
      expect((await openBaseModel(dir)).generation).toEqual({ bosTokenId: 1, eosTokenIds: expected });
    }),
  );

  it('says what is missing in an empty folder', () =>
    withTempDir(async (dir) => {
      await expect(openBaseModel(dir)).rejects.toMatchObject({ code: 'BASE_NOT_FOUND' });
    }));

  it('says that a folder has no weights', () =>
    withGoldenCopy(async (dir) => {
      await rm(join(dir, 'model.safetensors'));
      await expect(openBaseModel(dir)).rejects.toMatchObject({ code: 'MODEL_WEIGHTS_NOT_FOUND' });
    }));

  it('names the file that is broken JSON', () =>
    withGoldenCopy(async (dir) => {
      await writeFile(join(dir, 'config.json'), '{"model_type":');
      await expect(openBaseModel(dir)).rejects.toMatchObject({ code: 'MODEL_CONFIG_INVALID' });
    }));
});
