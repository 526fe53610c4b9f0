import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { judgeCheckpoint, type Judgement } from './judge-checkpoint.ts';
import { goldenDir } from './testing/fixtures.ts';

const codes = ({ problems }: Judgement): string[] => problems.map(({ code }) => code);

async function facts(name: string, part: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(goldenDir(`families/${name}`, `model/${part}`), 'utf8')) as Record<string, unknown>;
}

describe('judgeCheckpoint', () => {
  it('takes a checkpoint whose index has every weight, and counts them', async () => {
    const [json, index] = [await facts('llama-biases', 'config.json'), await facts('llama-biases', indexName)];
    const judged = judgeCheckpoint({ json, index, name: 'org/name' });
    expect(judged).toMatchObject({ problems: [], family: 'llama', task: 'causal-lm' });
    expect(judged.parameters).toBeGreaterThan(1000);
  });

  it('names weights that are missing, and weights that it does not know', async () => {
    const json = await facts('llama-biases', 'config.json');
    const { weight_map: places } = (await facts('llama-biases', indexName)) as { weight_map: Record<string, string> };
    const { 'model.norm.weight': place = '', ...rest } = places;
    const index = { weight_map: { ...rest, 'model.layers.0.mamba.weight': place } };
    const judged = judgeCheckpoint({ json, index, name: 'org/name' });
    expect(codes(judged)).toEqual(['MODEL_WEIGHTS_MISMATCH']);
    expect(judged.problems[0]?.message).toMatch(/model\.norm\.weight is missing.*mamba\.weight is unexpected/);
  });

  it('says everything for which a checkpoint would be refused', () => {
    const quantization_config = { quant_method: 'quip', bits: 4 };
    const json = { model_type: 'llama', hidden_act: 'unheard', quantization_config };
    expect(codes(judgeCheckpoint({ json, index: undefined, name: 'org/name' }))).toEqual([
      'MODEL_FEATURE_UNSUPPORTED',
      'MODEL_FEATURE_UNSUPPORTED',
    ]);
    expect(codes(judgeCheckpoint({ json: { model_type: 'rwkv' }, index: undefined, name: 'a' }))).toEqual([
      'MODEL_ARCHITECTURE_UNSUPPORTED',
    ]);
    expect(codes(judgeCheckpoint({ json: [], index: undefined, name: 'a' }))).toEqual(['MODEL_CONFIG_INVALID']);
  });

  it('knows encoders', async () => {
    const json: unknown = JSON.parse(await readFile(goldenDir('bert', 'model/config.json'), 'utf8'));
    const judged = judgeCheckpoint({ json, index: undefined, name: 'a' });
    expect(judged).toMatchObject({ problems: [], family: 'bert', task: 'embedding or classification' });
  });
});

const indexName = 'model.safetensors.index.json';
