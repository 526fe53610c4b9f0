import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { encodeModel } from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { loadSafetensors, tensorOf, toFloat32, type TensorData } from '../../tensor/index.ts';
import type { BaseModel } from '../base-model.ts';
import { buildHeadGraph, buildScoringGraph, buildTrainingGraph, buildTrunkGraph } from '../graphs.ts';
import { goldenDir } from '../testing/fixtures.ts';
import { maxDifference } from '../testing/golden.ts';
import { openOnnxBase } from './open-onnx.ts';
import { runFile } from './testing/run-file.ts';

const llama = ['q_proj', 'k_proj', 'v_proj', 'o_proj'].map((name) => `self_attn.${name}`);
const gated = ['gate_proj', 'up_proj', 'down_proj'].map((name) => `mlp.${name}`);
const llamaPaths = [0, 1].flatMap((layer) => [...llama, ...gated].map((name) => `model.layers.${layer}.${name}`));
const gpt2Paths = [0, 1].flatMap((layer) =>
  ['attn.c_attn', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj'].map((name) => `transformer.h.${layer}.${name}`),
);

/** The exact logits of every position of the padded golden rows, by one graph or by two. */
const allRows = tensorOf(
  'int64',
  [36],
  Array.from({ length: 36 }, (_, i) => i),
);

describe.each([
  { name: 'llama-d16', exporter: 'torch-export', paths: llamaPaths },
  { name: 'llama-d16', exporter: 'genai-fp32', paths: llamaPaths },
  { name: 'llama-d16', exporter: 'genai-int4', paths: llamaPaths },
  { name: 'llama-d16', exporter: 'optimum', paths: llamaPaths },
  { name: 'llama-d16', exporter: 'torch-past', paths: llamaPaths },
  { name: 'llama-d16', exporter: 'merged', file: 'decoder_model_merged.onnx', paths: llamaPaths },
  { name: 'gpt2', exporter: 'torch-export', paths: gpt2Paths },
])('$name as $exporter writes it', ({ name, exporter, paths, file = 'model.onnx' }) => {
  let environment: Environment;
  let base: BaseModel;
  let inputIds: TensorData;
  let own: Float32Array;

  beforeAll(async () => {
    environment = openEnvironment({ threads: 1 });
    base = await openOnnxBase(goldenDir(name, exporter));
    const { tensors } = await loadSafetensors(goldenDir('llama-d16', 'expected.safetensors'));
    inputIds = tensors.get('input_ids') ?? tensorOf('int64', [0], []);
    own = await runFile(environment, goldenDir(name, `${exporter}/${file}`), inputIds);
  });
  afterAll(() => environment.dispose());

  it('has the modules of the network that it was exported from', () => {
    const linear = base.modules.filter(({ kind = 'linear' }) => kind === 'linear').map(({ path }) => path);
    expect(linear.sort()).toEqual([...paths, 'lm_head'].sort());
    expect(base.config).toMatchObject({ kind: 'decoder', vocabSize: 128, hiddenSize: 32, layers: 2 });
  });

  it('has a shape for every float in its training graph, as gradients need', () => {
    const { graph } = buildTrainingGraph(base);
    const floats = [...graph.values()].filter(({ dtype, isUsed }) => dtype === 'float32' && isUsed);
    expect(floats.filter(({ shape }) => shape === undefined || shape.includes(undefined))).toEqual([]);
  });

  it('gives the logits that the file itself gives', async () => {
    const model = encodeModel(buildScoringGraph(base));
    using session = await environment.createSession(model, { externalDataFolder: base.dir });
    const { logits } = await runOnce(session, { input_ids: inputIds, rows: allRows });
    expect(maxDifference(logits ? toFloat32(logits) : [], own)).toBeLessThan(1e-5);
  });

  it('gives their losses in two parts too', async () => {
    const open = (model: Parameters<typeof encodeModel>[0]) =>
      environment.createSession(encodeModel(model), { externalDataFolder: base.dir });
    using trunk = await open(buildTrunkGraph(base));
    using head = await open(buildHeadGraph(base));
    const { hidden } = await runOnce(trunk, { input_ids: inputIds });
    if (hidden === undefined) throw new Error('the trunk gives hidden states');
    expect(hidden.shape).toEqual([36, 32]);
    const { token_losses: losses } = await runOnce(head, { hidden, target_ids: allRows });
    const expected = Array.from({ length: 36 }, (_, row) => surprise(own.subarray(row * 128, (row + 1) * 128), row));
    expect(maxDifference(losses ? toFloat32(losses) : [], expected)).toBeLessThan(1e-5);
  });
});

/** −log softmax(logits)[token] */
function surprise(logits: Float32Array, token: number): number {
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
  return Math.log(sum) - (logits[token] ?? NaN);
}
