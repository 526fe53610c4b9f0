import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { encodeModel } from '../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../onnxruntime/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../tensor/index.ts';
import type { BaseModel } from './base-model.ts';
import { openBaseModel } from './open-base-model.ts';
import { createRandomBase } from './create-random-base.ts';
import { buildHeadGraph, buildTrainingGraph, buildTrunkGraph } from './graphs.ts';
import { tinyConfig, withTempDir } from './testing/fixtures.ts';
import { scoreRows } from './testing/scoring-driver.ts';

const rows = [
  [1, 5, 9, 13, 17, 21],
  [2, 4, 8],
];
/** Flat indices into [2, 6], and the tokens that those positions predict. */
const targets = {
  input_ids: tensorOf('int64', [2, 6], [1, 5, 9, 13, 17, 21, 2, 4, 8, 0, 0, 0]),
  target_rows: tensorOf('int64', [4], [0, 3, 4, 7]),
  target_ids: tensorOf('int64', [4], [5, 17, 21, 8]),
};

describe('the training graph', () => {
  let environment: Environment;
  beforeAll(() => {
    environment = openEnvironment({ threads: 1 });
  });
  afterAll(() => environment.dispose());

  const lossOf = async (base: BaseModel, full: boolean): Promise<number> => {
    const model = encodeModel(buildTrainingGraph(base, { full }));
    using session = await environment.createSession(model, { externalDataFolder: base.dir });
    const weights = full ? await readWeights(base) : {};
    const { loss_sum: loss } = await runOnce(session, { ...targets, ...weights }, ['loss_sum']);
    return loss ? (toFloat32(loss)[0] ?? NaN) : NaN;
  };

  it('sums the loss of the chosen positions', () =>
    withBase({}, async (base) => {
      const [first, second] = await scoreRows({ base, environment }, rows);
      const losses = [
        tokenLoss(first, 0, 5),
        tokenLoss(first, 3, 17),
        tokenLoss(first, 4, 21),
        tokenLoss(second, 1, 8),
      ];
      expect(await lossOf(base, false)).toBeCloseTo(
        losses.reduce((sum, loss) => sum + loss, 0),
        4,
      );
    }));

  it.each([false, true])('gives the same with every weight as an input (tied head: %s)', (tiedEmbeddings) =>
    withBase({ config: { ...tinyConfig, tiedEmbeddings } }, async (base) => {
      expect(await lossOf(base, true)).toBeCloseTo(await lossOf(base, false), 4);
    }),
  );

  it.each([
    ['float16', false],
    ['bfloat16', false],
    ['bfloat16', true],
  ] as const)('computes in f32 with weights that are stored as %s (tied head: %s)', (dtype, tiedEmbeddings) =>
    withBase({ dtype, config: { ...tinyConfig, tiedEmbeddings } }, async (base) => {
      expect(await lossOf(base, false)).toBeCloseTo(await lossOf(base, true), 4);
    }),
  );

  it.each([false, true])('knows the type and shape of every value (packed: %s)', (packed) =>
    withBase({}, async (base) => {
      const values = [...buildTrainingGraph(base, { packed }).graph.values()];
      const unknown = values.filter(({ dtype, shape }) => dtype === undefined || shape?.includes(undefined) !== false);
      expect(unknown.map((value) => value.name)).toEqual([]);
    }),
  );

  it('is the sum of what trunk and head give by parts', () =>
    withBase({}, async (base) => {
      using trunk = await environment.createSession(encodeModel(buildTrunkGraph(base)), {
        externalDataFolder: base.dir,
      });
      using head = await environment.createSession(encodeModel(buildHeadGraph(base)), { externalDataFolder: base.dir });
      const { hidden } = await runOnce(trunk, { input_ids: targets.input_ids });
      const states = hidden ? toFloat32(hidden) : new Float32Array();
      const chosen = [0, 3, 4, 7].flatMap((row) => [...states.subarray(row * 32, (row + 1) * 32)]);
      const feeds = { hidden: tensorOf('float32', [4, 32], chosen), target_ids: targets.target_ids };
      const { token_losses: losses } = await runOnce(head, feeds);
      const sum = losses ? toFloat32(losses).reduce((total, loss) => total + loss, 0) : NaN;
      expect(sum).toBeCloseTo(await lossOf(base, false), 4);
    }));

  it('cuts the rotary tables at the length it is told', () =>
    withBase({}, async (base) => {
      const graphs = [4, 64].map((maxLength) => buildTrainingGraph(base, { maxLength }).graph);
      const tables = graphs.map((graph) => graph.value('attention/cos')?.shape);
      expect(tables).toEqual([
        [4, 8],
        [64, 8],
      ]);
    }));
});

function withBase(
  options: Partial<Parameters<typeof createRandomBase>[0]>,
  use: (base: BaseModel) => Promise<void>,
): Promise<void> {
  return withTempDir(async (dir) => {
    await createRandomBase({ config: tinyConfig, seed: 4, ...options, dir: join(dir, 'base') });
    await use(await openBaseModel(join(dir, 'base')));
  });
}

/** −log softmax(logits)[target] of one position. */
function tokenLoss(logits: Float32Array | undefined, position: number, target: number): number {
  const row = logits?.subarray(position * tinyConfig.vocabSize, (position + 1) * tinyConfig.vocabSize) ?? [];
  const total = [...row].reduce((sum, logit) => sum + Math.exp(logit), 0);
  return Math.log(total) - (row[target] ?? NaN);
}

async function readWeights(base: BaseModel): Promise<Record<string, TensorData>> {
  const weights: Record<string, TensorData> = {};
  for (const { name, location, offset, length, dtype, shape } of base.weights.values()) {
    const file = await readFile(join(base.dir, location));
    const stored = { dtype, shape, bytes: new Uint8Array(file.subarray(offset, offset + length)) };
    weights[name] = tensorOf('float32', shape, toFloat32(stored));
  }
  return weights;
}
