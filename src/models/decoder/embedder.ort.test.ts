import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { liveHandles } from '../../native/index.ts';
import { runOnce } from '../../onnxruntime/index.ts';
import { loadSafetensors, toFloat32 } from '../../tensor/index.ts';
import { buildEmbeddingGraph } from '../graphs.ts';
import { listBaseFiles } from '../copy/base-files.ts';
import { openBaseModel } from '../open-base-model.ts';
import { goldenDir, withTempDir } from '../testing/fixtures.ts';
import { goldenLimit, reported, openGoldenEnvironment, openGoldenSession } from '../testing/golden-provider.ts';
import { maxDifference } from '../testing/golden.ts';

const environment = openGoldenEnvironment();
afterAll(() => environment.dispose());

const dir = goldenDir('embedders/qwen3-embedding', 'model');

describe('a decoder with the files of sentence-transformers', () => {
  it('gives the vectors of the reference: the state of the last token, a layer with tanh, and length 1', async () => {
    const base = await openBaseModel(dir);
    const { tensors } = await loadSafetensors(goldenDir('embedders/qwen3-embedding', 'expected.safetensors'));
    const { input_ids, attention_mask, embeddings: expected } = Object.fromEntries(tensors);
    if (!input_ids || !attention_mask || !expected) throw new Error('the golden case is whole');
    using session = await openGoldenSession(buildEmbeddingGraph(base), { environment, baseDir: base.dir });
    const { embeddings } = await runOnce(session, { input_ids, attention_mask });
    expect(embeddings?.shape).toEqual([3, 10]);
    const found = embeddings ? toFloat32(embeddings) : new Float32Array();
    expect(reported(maxDifference(found, toFloat32(expected)), 'embedders/qwen3-embedding: embeddings')).toBeLessThan(
      goldenLimit(1e-4),
    );
  });

  it('embeds and does nothing else, and needs no head', async () => {
    const base = await openBaseModel(dir);
    expect(base).toMatchObject({ task: 'embedding', config: { kind: 'encoder', family: 'qwen3' } });
    expect(Object.keys(base.graphs)).toEqual(['embedding']);
    expect(base.modules.some(({ path }) => path === 'lm_head')).toBe(false);
    expect(base.prompts?.named.get('query')).toBe('q: ');
  });

  it('is copied with its layer', async () => {
    expect((await listBaseFiles(dir)).files).toContain(join('2_Dense', 'model.safetensors'));
  });

  it.each([
    [{ activation_function: 'torch.nn.modules.activation.Hardtanh' }, 'MODEL_FEATURE_UNSUPPORTED'],
    [{ in_features: 23 }, 'MODEL_WEIGHTS_MISMATCH'],
    [{ bias: false }, 'MODEL_WEIGHTS_MISMATCH'],
    [{ out_features: 'many' }, 'MODEL_CONFIG_INVALID'],
  ])('refuses a layer with %j', async (fields, code) => {
    await withTempDir(async (copy) => {
      await cp(dir, copy, { recursive: true });
      const config = { in_features: 24, out_features: 10, bias: true, activation_function: 'torch.nn.Tanh', ...fields };
      await writeFile(join(copy, '2_Dense', 'config.json'), JSON.stringify(config));
      await expect(openBaseModel(copy)).rejects.toMatchObject({ code });
    });
  });

  it('refuses a layer without weights', async () => {
    await withTempDir(async (copy) => {
      await cp(dir, copy, { recursive: true });
      await rm(join(copy, '2_Dense', 'model.safetensors'));
      await expect(openBaseModel(copy)).rejects.toMatchObject({ code: 'MODEL_WEIGHTS_NOT_FOUND' });
    });
  });

  it('gives every native handle back', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});
