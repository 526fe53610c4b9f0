import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../core/index.ts';
import { createModel, encodeModel, Tape, type Model, type Value } from '../ir/index.ts';
import { openBaseModel, type BaseModel } from '../models/index.ts';
import { openEnvironment, runOnce, type Environment } from '../onnxruntime/index.ts';
import { tensorOf, toFloat32, type DataType, type TensorData } from '../tensor/index.ts';
import { openPredictor } from './prediction/predictor.ts';
import { logitDrift } from './scoring/logit-drift.ts';
import { openScorer } from './scoring/scorer.ts';

const [vocabulary, width] = [48, 64];
const tokens = [5, 9, 2, 31, 7, 40, 11, 3];

let environment: Environment;
let folder: string;
beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'espalier-exact-'));
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
});

function numbers(name: string, count: number): number[] {
  const random = createRandom(5, name);
  return Array.from({ length: count }, () => random.normal());
}

/** A weight [rows, columns] of integers, as floats: DequantizeLinear with a scale for each block of 32 rows. */
function dequantized(tape: Tape, name: string, shape: readonly [number, number], dtype: DataType): Value {
  const [rows, columns] = shape;
  const random = createRandom(3, name);
  const length = (rows * columns) / (dtype.endsWith('4') ? 2 : 1);
  const bytes = Uint8Array.from({ length }, () => Math.floor(random.uniform() * 256));
  const scales = Array.from({ length: (rows / 32) * columns }, () => 0.001 + 0.001 * random.uniform());
  const scale = tape.constant(tensorOf('float32', [rows / 32, columns], scales), `${name}.scale`);
  const attributes = { axis: 0, block_size: 32 };
  return tape.op('DequantizeLinear', [tape.constant({ dtype, shape, bytes }, name), scale], { attributes });
}

/** A model of text: an embedding, one layer, and a head. */
function textModel(dtype: DataType): Model {
  const model = createModel();
  const tape = new Tape(model);
  const ids = model.graph.addInput('input_ids', 'int64', ['batch', 'seq']);
  const table = tape.constant(tensorOf('float32', [vocabulary, width], numbers('table', vocabulary * width)), 'table');
  const layer = tape.op('MatMul', [tape.op('Gather', [table, ids]), dequantized(tape, 'layer', [width, width], dtype)]);
  const logits = tape.op('MatMul', [tape.op('Tanh', [layer]), dequantized(tape, 'head', [width, vocabulary], dtype)]);
  return withLogits(model, logits);
}

/** A model of features: one layer and the logits of three classes. */
function featureModel(dtype: DataType): Model {
  const model = createModel();
  const tape = new Tape(model);
  const features = model.graph.addInput('features', 'float32', ['batch', width]);
  const layer = tape.op('Tanh', [tape.op('MatMul', [features, dequantized(tape, 'layer', [width, width], dtype)])]);
  const last = tape.constant(tensorOf('float32', [width, 3], numbers('last', width * 3)), 'last');
  return withLogits(model, tape.op('MatMul', [layer, last]));
}

/** The same model with the results of its DequantizeLinear nodes as constants. */
async function folding(model: Model): Promise<Model> {
  const { graph } = model;
  const weights = graph.nodes.filter(({ opType }) => opType === 'DequantizeLinear').flatMap(({ outputs }) => outputs);
  for (const weight of weights.flatMap((value) => value ?? [])) {
    graph.addOutput(weight);
    using session = await environment.createSession(encodeModel(model), { optimization: 'none' });
    const ids = tensorOf('int64', [1, tokens.length], tokens);
    const { [weight.name]: floats } = await runOnce(session, { input_ids: ids }, [weight.name]);
    graph.removeOutput(weight);
    if (floats) graph.replaceAllUses(weight, new Tape(model).constant(floats, `${weight.name}.floats`));
  }
  return model;
}

function withLogits(model: Model, logits: Value): Model {
  model.graph.rename(logits, 'logits');
  model.graph.addOutput(logits);
  return model;
}

async function openModel(name: string, model: Model): Promise<BaseModel> {
  const path = join(folder, `${name}.onnx`);
  await writeFile(path, encodeModel(model));
  return openBaseModel(path);
}

/** The logits as the graph says them, without any of ONNX Runtime's rewrites. */
async function logitsOf(model: Model, feeds: Record<string, TensorData>): Promise<Float32Array> {
  using session = await environment.createSession(encodeModel(model), { optimization: 'none' });
  const { logits } = await runOnce(session, feeds);
  return logits ? toFloat32(logits) : new Float32Array();
}

function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return Array.from(expected).reduce((max, value, i) => Math.max(max, Math.abs(value - (actual[i] ?? NaN))), 0);
}

function logprobOf(logits: Float32Array, position: number, token: number): number {
  const row = logits.subarray(position * vocabulary, (position + 1) * vocabulary);
  return (row[token] ?? NaN) - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
}

describe.each<DataType>(['int4', 'uint4', 'int8', 'uint8'])('weights of %s behind DequantizeLinear', (dtype) => {
  it('are multiplied with activations that nothing has rounded when text is scored', async () => {
    const model = textModel(dtype);
    const logits = await logitsOf(model, { input_ids: tensorOf('int64', [1, tokens.length], tokens) });
    const expected = tokens.slice(1).map((token, i) => logprobOf(logits, i, token));
    using scorer = await openScorer({ base: await openModel(`scored-${dtype}`, model), environment, maxLength: 16 });
    const { logprobs } = await scorer.score(tokens);
    const given = logprobs.slice(1).map((value) => value ?? NaN);
    expect(largestDifference(given, expected)).toBeLessThan(1e-5);
  });

  it('are multiplied with activations that nothing has rounded when rows are classified', async () => {
    const model = featureModel(dtype);
    const features = tensorOf('float32', [1, width], numbers('features', width));
    const expected = await logitsOf(model, { features });
    const base = await openModel(`classified-${dtype}`, model);
    using predictor = await openPredictor({ base, environment, task: 'classification' });
    const [given = []] = await predictor.predict([
      { inputs: new Map([['features', { ...features, shape: [width] }]]) },
    ]);
    expect(largestDifference(given, expected)).toBeLessThan(1e-5);
  });
});

describe('the drift of logits', () => {
  it('is none between a model with DequantizeLinear and the same model with its weights as floats', async () => {
    const folded = await folding(textModel('int8'));
    const first = { base: await openModel('integers', textModel('int8')) };
    const second = { base: await openModel('floats', folded) };
    const { max, scale } = await logitDrift(first, second, { environment, rows: [tokens] });
    expect(max / scale).toBeLessThan(1e-5);
  });
});
