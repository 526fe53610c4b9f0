import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { crossSection } from '../core/testing/cross-section.ts';

import { loadSafetensors, toFloat32 } from '../tensor/index.ts';
import { openBaseModel } from './open-base-model.ts';
import { createRandomBase } from './create-random-base.ts';
import { tinyConfig, withTempDir } from './testing/fixtures.ts';

describe('createRandomBase', () => {
  it.each(['float32', 'float16', 'bfloat16'] as const)('writes a folder that opens, in %s', (dtype) =>
    withTempDir(async (dir) => {
      const generation = { bosTokenId: 1, eosTokenIds: [2, 3] };
      await createRandomBase({ config: tinyConfig, dir, seed: 1, dtype, generation });
      const base = await openBaseModel(dir);
      expect(base.config).toEqual({
        kind: 'decoder',
        family: 'llama',
        vocabSize: 48,
        hiddenSize: 32,
        intermediateSize: 40,
        layers: 2,
        heads: 4,
        kvHeads: 2,
        headDim: 16,
        maxPositions: 64,
        tiedEmbeddings: false,
      });
      expect(base.generation).toEqual(generation);
      expect(base.weights.get('lm_head.weight')).toMatchObject({ dtype, shape: [48, 32] });
    }),
  );

  it('gives the same bytes for the same seed, and others for another', () =>
    withTempDir(async (dir) => {
      for (const [name, seed] of Object.entries({ a: 5, b: 5, c: 6 })) {
        await createRandomBase({ config: tinyConfig, dir: join(dir, name), seed });
      }
      const [a, b, c] = await Promise.all(
        ['a', 'b', 'c'].map((name) => readFile(join(dir, name, 'model.safetensors'))),
      );
      expect(a?.equals(b ?? Buffer.alloc(0))).toBe(true);
      expect(a?.equals(c ?? Buffer.alloc(0))).toBe(false);
    }));

  it('draws normal numbers of the configured deviation, norms of 1 and biases of 0', () =>
    withTempDir(async (dir) => {
      const config = { ...tinyConfig, vocabSize: 4096, attentionBias: true };
      await createRandomBase({ config, dir, seed: 3 });
      const { tensors } = await loadSafetensors(join(dir, 'model.safetensors'));
      const values = [...toFloat32(tensors.get('lm_head.weight') ?? never())].map((value) => value / 0.1);
      const moment = (power: number): number => values.reduce((sum, v) => sum + v ** power, 0) / values.length;
      expect(moment(1)).toBeCloseTo(0, 1);
      expect(moment(2)).toBeCloseTo(1, 1);
      expect(moment(4) / 3).toBeCloseTo(1, 1);
      expect(new Set(toFloat32(tensors.get('model.norm.weight') ?? never()))).toEqual(new Set([1]));
      expect(new Set(toFloat32(tensors.get('model.layers.0.self_attn.q_proj.bias') ?? never()))).toEqual(new Set([0]));
    }));

  it('writes shards that hold the same weights', () =>
    withTempDir(async (dir) => {
      await createRandomBase({ config: tinyConfig, dir: join(dir, 'one'), seed: 1 });
      const seen: number[] = [];
      await createRandomBase({
        config: tinyConfig,
        dir: join(dir, 'many'),
        seed: 1,
        maxFileBytes: 20_000,
        onProgress: ({ doneBytes, totalBytes }) => seen.push(doneBytes / totalBytes),
      });
      const one = await openBaseModel(join(dir, 'one'));
      const many = await openBaseModel(join(dir, 'many'));
      expect(new Set([...many.weights.values()].map((ref) => ref.location)).size).toBeGreaterThan(2);
      for (const [name, ref] of one.weights) {
        const other = many.weights.get(name) ?? never();
        const read = async (base: string, { location, offset, length }: typeof ref): Promise<Buffer> =>
          (await readFile(join(base, location))).subarray(offset, offset + length);
        expect((await read(one.dir, ref)).equals(await read(many.dir, other))).toBe(true);
      }
      expect(seen.at(-1)).toBe(1);
    }));

  const plain = [
    'mistral',
    'qwen2',
    'qwen3',
    'gemma2',
    'gemma3_text',
    'phi',
    'phi3',
    'olmo2',
    'smollm3',
    'granite',
    'gpt2',
  ];

  it.each(crossSection(['deepseek_v2', 'gpt_oss', ...plain], 4, 1))(
    'writes a %s whose fresh norms change nothing',
    (family) =>
      withTempDir(async (dir) => {
        const sizes = { ...tinyConfig, kvHeads: 4, headDim: 8 };
        await createRandomBase({ config: { ...sizes, family }, dir, seed: 1 });
        const base = await openBaseModel(dir);
        const expected = { hiddenSize: 32, layers: 2, heads: 4, kvHeads: 4, headDim: 8, maxPositions: 64 };
        expect(base.config).toMatchObject({ family, ...expected });
        const { tensors } = await loadSafetensors(join(dir, 'model.safetensors'));
        const norms = [...tensors].filter(([name]) => /(norm|ln_[12f])\.weight$/.test(name));
        const neutral = family.startsWith('gemma') ? 0 : 1;
        expect(norms.length).toBeGreaterThan(2);
        for (const [, norm] of norms) expect(new Set(toFloat32(norm))).toEqual(new Set([neutral]));
      }),
  );

  it.each([
    ['qwne3', {}, /is it qwen3/],
    ['gpt2', { kvHeads: 2, headDim: 8 }, /kvHeads is 4 in a gpt2 of these sizes, not 2/],
  ])('refuses a %s that there cannot be', (family, changes, message) =>
    withTempDir(async (dir) => {
      const config = { ...tinyConfig, ...changes, family };
      await expect(createRandomBase({ config, dir, seed: 1 })).rejects.toThrow(message);
    }),
  );

  it('leaves an existing model alone', () =>
    withTempDir(async (dir) => {
      await createRandomBase({ config: tinyConfig, dir, seed: 1 });
      await expect(createRandomBase({ config: tinyConfig, dir, seed: 2 })).rejects.toMatchObject({
        code: 'OUTPUT_EXISTS',
      });
    }));
});

function never(): never {
  throw new Error('the tensor is there');
}
