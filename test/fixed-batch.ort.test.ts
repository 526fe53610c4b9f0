import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openPredictor, type PredictRow } from '../src/evaluate/index.ts';
import { createModel, encodeModel, Tape, type Value } from '../src/ir/index.ts';
import { openBaseModel } from '../src/models/index.ts';
import { openEnvironment, type Environment } from '../src/onnxruntime/index.ts';
import { tensorOf } from '../src/tensor/index.ts';
import { resolveConfig, runTraining } from '../src/train/index.ts';

let environment: Environment;
let folder: string;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-fixed-'));
  return () => rm(folder, { recursive: true, force: true });
});

const weight = (rows: number, columns: number): number[] =>
  Array.from({ length: rows * columns }, (_, i) => Math.sin(i));

/** x [rows, 4] → fc → logits [rows, 3]. With `isBound`, a Reshape in between holds the number of rows. */
async function writeFeatures(rows: number, { isBound }: { readonly isBound: boolean }): Promise<string> {
  const model = createModel({ opset: 17 });
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', [rows, 4]);
  const shaped = isBound ? tape.op('Reshape', [x, tape.int64s([rows, 4])]) : x;
  const w = tape.constant(tensorOf('float32', [4, 3], weight(4, 3)), 'fc.weight');
  return write(tape, tape.op('MatMul', [shaped, w], { name: '/fc/MatMul', outputName: 'logits' }));
}

/** Ids [2, 5] → table → logits [2, 3], with the shape of the example in a Reshape. */
async function writeText(): Promise<string> {
  const model = createModel({ opset: 17 });
  const tape = new Tape(model);
  const ids = model.graph.addInput('input_ids', 'int64', [2, 5]);
  const table = tape.constant(tensorOf('float32', [8, 4], weight(8, 4)), 'words.weight');
  const states = tape.op('Reshape', [tape.op('Gather', [table, ids]), tape.int64s([2, 20])]);
  const w = tape.constant(tensorOf('float32', [20, 3], weight(20, 3)), 'fc.weight');
  return write(tape, tape.op('MatMul', [states, w], { name: '/fc/MatMul', outputName: 'logits' }));
}

async function write({ model }: Tape, output: Value): Promise<string> {
  model.graph.addOutput(output);
  const path = join(folder, 'model.onnx');
  await writeFile(path, encodeModel(model));
  return path;
}

const features = (row: number): number[] => [row, 1, -row, 0.5];

async function classify(path: string, count: number): Promise<number[][]> {
  using predictor = await openPredictor({ base: await openBaseModel(path), environment, task: 'classification' });
  const rows = Array.from({ length: count }, (_, row): PredictRow => {
    return { inputs: new Map([['x', tensorOf('float32', [4], features(row))]]) };
  });
  return (await predictor.predict(rows)).map((logits) => [...logits]);
}

async function train(base: string, batchSize: number, count: number): Promise<unknown> {
  const data = join(folder, 'rows.jsonl');
  const rows = Array.from({ length: count }, (_, row) =>
    JSON.stringify({ inputs: { x: features(row) }, label: row % 3 }),
  );
  await writeFile(data, rows.join('\n'));
  const flags = { base, data, output: join(folder, 'out'), batchSize, rank: 1, maxSteps: 2 };
  return runTraining(resolveConfig({ flags }), { environment });
}

describe('a model for features that declares a fixed number of rows', () => {
  it('takes any number where its graph does', async () => {
    const path = await writeFeatures(2, { isBound: false });
    expect((await openBaseModel(path)).fixedBatch).toBeUndefined();
    expect(await classify(path, 5)).toHaveLength(5);
    await expect(train(path, 3, 5)).resolves.toMatchObject({ steps: 2 });
  });

  it.each([1, 2, 4])('scores any number of rows in batches of %i, where the graph is bound to it', async (rows) => {
    const expected = await classify(await writeFeatures(1, { isBound: false }), 5);
    const path = await writeFeatures(rows, { isBound: true });
    expect((await openBaseModel(path)).fixedBatch).toEqual({ input: 'x', rows });
    expect(await classify(path, 5)).toEqual(expected);
    expect(await classify(path, 1)).toEqual(expected.slice(0, 1));
  });

  it('is trained with that number of rows in a micro-batch, and says so for any other', async () => {
    const path = await writeFeatures(2, { isBound: true });
    await expect(train(path, 3, 6)).rejects.toThrow(
      `batchSize expects 2 (input x of the model in ${folder} takes exactly so many rows at once; for another number, export it again with a dynamic batch axis), got 3.`,
    );
    await expect(train(path, 2, 5)).rejects.toThrow(
      'data expects a multiple of 2 rows, because input x of the base takes exactly 2 rows at once, got 5 rows.',
    );
    await expect(train(path, 2, 6)).resolves.toMatchObject({ steps: 2 });
  });
});

describe('a text model that is bound to the shape of its example', () => {
  it('is refused when it is opened, with the shape and what to do', async () => {
    await expect(openBaseModel(await writeText())).rejects.toThrow(
      'its input input_ids takes exactly 2 rows of 5 tokens; export it again with dynamic axes for the batch and the tokens.',
    );
  });
});
