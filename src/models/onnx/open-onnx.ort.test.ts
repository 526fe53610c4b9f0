import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createModel, decodeModel, encodeModel, Tape, type Model } from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../../tensor/index.ts';
import { buildHeadGraph, buildScoringGraph, buildTrainingGraph, buildTrunkGraph } from '../graphs.ts';
import { openBaseModel } from '../open-base-model.ts';
import { goldenDir, withTempDir } from '../testing/fixtures.ts';
import { maxDifference } from '../testing/golden.ts';
import { verifyWeights } from '../verify-weights.ts';
import { openOnnxModel } from './open-onnx-model.ts';
import { runFile } from './testing/run-file.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

const genai = goldenDir('llama-d16', 'genai-fp32');
const exported = goldenDir('llama-d16', 'torch-export/model.onnx');

/** Opens a file that holds this graph. */
function openWritten(model: Model, files: Readonly<Record<string, unknown>> = {}) {
  return withTempDir(async (dir) => {
    await writeFile(join(dir, 'model.onnx'), encodeModel(model));
    for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), JSON.stringify(content));
    return openBaseModel(join(dir, 'model.onnx'));
  });
}

describe('an ONNX base', () => {
  it('may lie in onnx/, with its configuration in the folder around it', () =>
    withTempDir(async (dir) => {
      await cp(genai, join(dir, 'onnx'), { recursive: true });
      await writeFile(
        join(dir, 'config.json'),
        JSON.stringify({ eos_token_id: 7, num_key_value_heads: 2, head_dim: 16 }),
      );
      const base = await openBaseModel(dir);
      expect(base.dir).toBe(dir);
      expect(base.generation.eosTokenIds).toEqual([7]);
      expect(new Set([...base.weights.values()].map(({ location }) => location))).toEqual(
        new Set(['onnx/model.onnx.data']),
      );
      await verifyWeights(base);
      const bytes = encodeModel(buildScoringGraph(base));
      using session = await environment.createSession(bytes, { externalDataFolder: base.dir });
      const feeds = { input_ids: tensorOf('int64', [1, 2], [1, 2]), rows: tensorOf('int64', [1], [1]) };
      expect((await runOnce(session, feeds))['logits']?.shape).toEqual([1, 128]);
    }));

  it('leaves the weights of one file where they lie', async () => {
    const base = await openBaseModel(exported);
    expect([...base.weights.values()].every(({ location }) => location === 'model.onnx')).toBe(true);
    expect(encodeModel(buildScoringGraph(base)).length).toBeLessThan(40_000);
    await verifyWeights(base);
  });

  it('is refused where a weight is not finite', () =>
    withTempDir(async (dir) => {
      await cp(genai, dir, { recursive: true });
      const data = await readFile(join(dir, 'model.onnx.data'));
      data.writeFloatLE(NaN, 4);
      await writeFile(join(dir, 'model.onnx.data'), data);
      await expect(verifyWeights(await openBaseModel(dir))).rejects.toMatchObject({ code: 'MODEL_WEIGHTS_NOT_FINITE' });
    }));

  it('is refused where its weights lead out of its folder', () =>
    withTempDir(async (dir) => {
      await mkdir(join(dir, 'model'));
      await cp(join(genai, 'model.onnx'), join(dir, 'model', 'model.onnx'));
      await cp(join(genai, 'model.onnx.data'), join(dir, 'elsewhere'));
      await symlink('../elsewhere', join(dir, 'model', 'model.onnx.data'));
      await expect(openBaseModel(join(dir, 'model'))).rejects.toMatchObject({ code: 'IR_EXTERNAL_DATA' });
    }));

  it.each([
    ['vocab_size', 99, 'the vocabulary is 99, and the graph has 128'],
    ['hidden_size', 64, 'the hidden size is 64, and the graph has 32'],
    ['num_hidden_layers', 3, 'the number of layers is 3, and the graph has 2'],
    ['num_hidden_layers', -1, 'num_hidden_layers: '],
  ])('is refused where config.json contradicts the graph: %s = %j', (key, value, message) =>
    withTempDir(async (dir) => {
      await cp(exported, join(dir, 'model.onnx'));
      await writeFile(join(dir, 'config.json'), JSON.stringify({ [key]: value }));
      await expect(openBaseModel(dir)).rejects.toThrow(message);
    }),
  );

  it('is scored from its logits as they come, where the product behind them is not found', () =>
    withTempDir(async (dir) => {
      const model = decodeModel(await readFile(exported));
      const [logits] = model.graph.outputs;
      if (logits === undefined) throw new Error('the file gives logits');
      const bent = new Tape(model).op('Erf', [logits]);
      model.graph.removeOutput(logits);
      model.graph.rename(logits, 'straight');
      model.graph.rename(bent, 'logits');
      model.graph.addOutput(bent);
      const path = join(dir, 'model.onnx');
      await writeFile(path, encodeModel(model));
      const base = await openBaseModel(path);
      expect(base.config.hiddenSize).toBe(128);
      const ids = tensorOf('int64', [1, 4], [3, 1, 4, 1]);
      const own = await runFile(environment, path, ids);
      const run = async (graph: Model, feeds: Record<string, TensorData>) => {
        using session = await environment.createSession(encodeModel(graph), { externalDataFolder: base.dir });
        const [result] = Object.values(await runOnce(session, feeds));
        return result ? toFloat32(result) : new Float32Array();
      };
      const rows = tensorOf('int64', [1], [2]);
      const scored = await run(buildScoringGraph(base), { input_ids: ids, rows });
      expect(maxDifference(scored, own.subarray(2 * 128, 3 * 128))).toBeLessThan(1e-5);
      const hidden = await run(buildTrunkGraph(base), { input_ids: ids });
      expect(maxDifference(hidden, own)).toBeLessThan(1e-5);
      const state = tensorOf('float32', [1, 128], hidden.subarray(2 * 128, 3 * 128));
      const [loss = NaN] = await run(buildHeadGraph(base), { hidden: state, target_ids: tensorOf('int64', [1], [7]) });
      const sum = scored.reduce((total, logit) => total + Math.exp(logit), 0);
      expect(loss).toBeCloseTo(Math.log(sum) - (scored[7] ?? NaN), 4);
    }));

  it('cannot have all its weights trained, and says what to do', async () => {
    const base = await openBaseModel(exported);
    expect(() => buildTrainingGraph(base, { full: true })).toThrow('train an adapter on it, or take the checkpoint');
  });

  it('is refused for inputs of which nothing is known', async () => {
    const model = createModel();
    const ids = model.graph.addInput('input_ids', 'int64', ['batch', 'seq']);
    const other = model.graph.addInput('encoder_hidden_states', 'float32', ['batch', 'seq', 4]);
    const tape = new Tape(model);
    const table = tape.constant(
      tensorOf(
        'float32',
        [4, 4],
        Array.from({ length: 16 }, (_, i) => i),
      ),
      'words.weight',
    );
    model.graph.addOutput(tape.op('Add', [tape.op('Gather', [table, ids]), other], { outputName: 'logits' }));
    await expect(openWritten(model)).rejects.toThrow('nothing is known of its inputs encoder_hidden_states');
  });

  it('is refused where it gives no floats', async () => {
    const model = createModel();
    const x = model.graph.addInput('x', 'float32', ['batch', 4]);
    model.graph.addOutput(new Tape(model).op('ArgMax', [x], { dtype: 'int64', outputName: 'y' }));
    await expect(openWritten(model)).rejects.toMatchObject({ code: 'ONNX_MODEL_UNSUPPORTED' });
  });

  it('is not there where no file is', async () => {
    await expect(openBaseModel('nowhere/model.onnx')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('openOnnxModel', () => {
  it('gives any graph with its own inputs and outputs, and its modules marked', async () => {
    const { inputs, outputs, modules, build } = await openOnnxModel(goldenDir('cnn', 'model.onnx'));
    expect(inputs).toEqual([{ name: 'image', dtype: 'float32', shape: ['batch', 1, 8, 8] }]);
    expect(outputs).toMatchObject([{ name: 'logits', dtype: 'float32' }]);
    expect(modules).toEqual([
      { path: 'conv1', kind: 'conv', in: 1, out: 8, kernel: [3, 3] },
      { path: 'conv2', kind: 'conv', in: 8, out: 12, kernel: [3, 3] },
      { path: 'fc', in: 48, out: 4 },
    ]);
    const marked = build().graph.nodes.flatMap(({ metadata }) => metadata.get('espalier.module') ?? []);
    expect(marked).toEqual(['conv1', 'conv2', 'fc']);
  });
});
