import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

import { loadSafetensors, writeSafetensors, type TensorData } from '../../tensor/index.ts';
import { openBaseModel } from '../open-base-model.ts';
import { withTempDir } from '../testing/fixtures.ts';

type Tensors = Map<string, TensorData>;

interface Changes {
  readonly config?: Record<string, unknown>;
  readonly weights?: (tensors: ReadonlyMap<string, TensorData>) => Tensors;
}

/** Opens a golden checkpoint with something changed. */
function openChanged(name: string, { config = {}, weights }: Changes): ReturnType<typeof openBaseModel> {
  const model = fileURLToPath(new URL(`../../../test/golden/${name}/model`, import.meta.url));
  return withTempDir(async (dir) => {
    await cp(model, dir, { recursive: true });
    const path = join(dir, 'config.json');
    const before: unknown = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...(before as object), ...config }));
    if (weights !== undefined) {
      const { tensors } = await loadSafetensors(join(dir, 'model.safetensors'));
      await writeSafetensors(join(dir, 'model.safetensors'), [...weights(tensors)]);
    }
    return openBaseModel(dir);
  });
}

const renamed = (rename: (name: string) => string | undefined): NonNullable<Changes['weights']> => {
  return (tensors) =>
    new Map([...tensors].flatMap(([name, data]) => (rename(name) ? [[rename(name) ?? '', data]] : [])));
};

describe('opening an encoder', () => {
  it('knows a classifier, its labels and what adapters can target', async () => {
    const base = await openChanged('bert-types', {});
    expect(base).toMatchObject({ task: 'classification', labels: ['bad', 'fair', 'good'], padTokenId: 0 });
    expect(base.config).toMatchObject({ kind: 'encoder', family: 'bert', maxPositions: 20 });
    const paths = base.modules.map(({ path }) => path);
    expect(paths).toContain('bert.encoder.layer.1.attention.self.query');
    expect(paths.slice(-2)).toEqual(['bert.pooler.dense', 'classifier']);
    expect(Object.keys(base.graphs).sort()).toEqual(['classification', 'embedding']);
  });

  it('counts the positions of a RoBERTa from behind its padding', async () => {
    expect((await openChanged('roberta', {})).config.maxPositions).toBe(22);
  });

  it.each(['BertModel', 'BertForMaskedLM', 'BertForPreTraining'])(
    'opens a %s for its embeddings',
    async (architecture) => {
      const withoutHead = renamed((name) => (name.startsWith('classifier') ? undefined : name));
      const base = await openChanged('bert', { config: { architectures: [architecture] }, weights: withoutHead });
      expect(base.task).toBe('embedding');
      expect(base.labels).toBeUndefined();
      // As AutoModel has them, and adapters for it.
      expect(base.modules[0]?.path).toBe('encoder.layer.0.attention.self.query');
      expect(base.graphs.classification).toBeUndefined();
    },
  );

  it('leaves the head of a masked language model alone, and the buffers of old', async () => {
    const weights: Changes['weights'] = (tensors) => {
      const names = ['cls.predictions.bias', 'bert.embeddings.position_ids', 'bert.pooler.dense.bias'];
      const spare = names.flatMap((name): [string, TensorData][] => {
        const data = tensors.get('classifier.bias');
        return data ? [[name, data]] : [];
      });
      return new Map([...spare, ...[...tensors].filter(([name]) => !/^classifier|pooler/.test(name))]);
    };
    const base = await openChanged('bert', { config: { architectures: ['BertForMaskedLM'] }, weights });
    expect([...base.weights.keys()].some((name) => /cls|pooler|position_ids/.test(name))).toBe(false);
  });

  it('reads norms whose weights are called gamma and beta', async () => {
    const weights = renamed((name) =>
      name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'),
    );
    const base = await openChanged('bert', { weights });
    expect(base.weights.get('bert.embeddings.LayerNorm.weight')?.shape).toEqual([32]);
  });

  it('names labels by their numbers where the configuration does not', async () => {
    const base = await openChanged('bert', { config: { id2label: null, num_labels: 5 } });
    expect(base.labels).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2', 'LABEL_3', 'LABEL_4']);
  });

  it('knows what the numbers of a head mean', async () => {
    const problemOf = async (config: Record<string, unknown>): Promise<string | undefined> =>
      (await openChanged('bert', { config })).problem;
    expect(await problemOf({})).toBeUndefined();
    expect(await problemOf({ problem_type: 'single_label_classification' })).toBeUndefined();
    expect(await problemOf({ problem_type: 'multi_label_classification' })).toBe('multi-label');
    expect(await problemOf({ problem_type: 'regression' })).toBe('regression');
    expect((await openChanged('encoders/xlm-roberta', {})).problem).toBe('regression');
  });

  it.each([
    { config: { position_embedding_type: 'relative_key' }, code: 'MODEL_FEATURE_UNSUPPORTED' },
    { config: { is_decoder: true }, code: 'MODEL_FEATURE_UNSUPPORTED' },
    { config: { hidden_act: 'mish' }, code: 'MODEL_FEATURE_UNSUPPORTED' },
    { config: { problem_type: 'ordinal' }, code: 'MODEL_FEATURE_UNSUPPORTED' },
    { config: { architectures: ['BertForQuestionAnswering'] }, code: 'MODEL_ARCHITECTURE_UNSUPPORTED' },
    { config: { num_attention_heads: 5 }, code: 'MODEL_CONFIG_INVALID' },
    { config: { id2label: { 0: 'a', 2: 'b' } }, code: 'MODEL_CONFIG_INVALID' },
    { config: { vocab_size: 'many' }, code: 'MODEL_CONFIG_INVALID' },
    { config: { num_hidden_layers: 3 }, code: 'MODEL_WEIGHTS_MISMATCH' },
    { config: { id2label: { 0: 'a', 1: 'b' } }, code: 'MODEL_WEIGHTS_MISMATCH' },
  ])('refuses $config with $code', async ({ config, code }) => {
    await expect(openChanged('bert', { config })).rejects.toMatchObject({ code });
  });
});
