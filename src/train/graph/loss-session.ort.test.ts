import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../core/index.ts';
import { loadPeftAdapter } from '../../adapter-files/index.ts';
import { openBaseModel } from '../../models/index.ts';
import { liveHandles } from '../../native/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { adapterTrainable } from './adapter-trainable.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { ParameterArena } from './parameter-arena.ts';
import { openBatches } from '../data/open-batches.ts';
import { loadGolden, type GoldenCase } from '../testing/golden.ts';
import { createLossGraph } from './loss-graph.ts';
import { LossSession } from './loss-session.ts';

let environment: Environment;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-train-'));
  environment = openEnvironment({ threads: 1 });
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** One pass over the golden batch with the golden adapter: the loss, and each gradient of the mean, by name. */
async function gradientsOf(golden: GoldenCase): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
  const base = await openBaseModel(golden.base);
  const rows = join(folder, 'rows.jsonl');
  await writeFile(rows, golden.rows);
  const flags = { base: golden.base, data: rows, output: '-', initAdapter: golden.adapter };
  const config = resolveConfig({ flags });
  const trainable = await adapterTrainable(base, config);
  const { objective, data } = await openBatches(base, config, { maxLength: 128 });
  const graph = await createLossGraph(base, { trainable, objective, maxLength: 128, gradients: true });
  using parameters = new ParameterArena(graph.parameters);
  using gradients = new ParameterArena(graph.parameters);
  await trainable.initialize(parameters);
  using session = await LossSession.open(graph, { environment, parameters, gradients });
  let micro: MicroBatch | undefined;
  for await (const batch of data.batches(100)) micro ??= batch;
  if (micro === undefined) throw new Error('the golden case has a batch');
  const loss = (await session.run(micro)).lossSum / micro.targets;
  const means = gradients.entries.map((entry) => {
    return [entry.name, gradients.view(entry).map((value) => value / micro.targets)] as const;
  });
  return { loss, gradients: new Map(means) };
}

describe.each(['llama', 'llama-d16', 'llama-sgd', 'bert', 'bert-types', 'roberta', 'distilbert', 'llama-classifier'])(
  'golden case %s',
  (name) => {
    it('has every gradient within 1e-4 of the largest of its tensor', async () => {
      const golden = await loadGolden(name);
      const { loss, gradients } = await gradientsOf(golden);
      expect(loss).toBeCloseTo(golden.lossTrace[0] ?? NaN, 4);
      const { weights, ...base } = await openBaseModel(golden.base);
      const { modules, saved } = await loadPeftAdapter(golden.adapter, base.modules, { weights });
      expect(gradients.size).toBe(2 * modules.size + (saved?.size ?? 0));
      const tooFar = [...gradients].filter(([parameter, values]) => {
        const expected = golden.gradient(parameter);
        const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
        return !expected.every((value, i) => Math.abs(value - (values[i] ?? NaN)) < 1e-4 * largest);
      });
      expect(tooFar).toEqual([]);
    });
  },
);

describe('dropout', () => {
  it('has gradients that finite differences agree with, and masks that its pass alone decides', async () => {
    const golden = await loadGolden('llama');
    const base = await openBaseModel(golden.base);
    const rows = join(folder, 'dropped.jsonl');
    await writeFile(rows, golden.rows);
    const flags = { base: golden.base, data: rows, output: '-', rank: 4, dropout: 0.4 };
    const config = resolveConfig({ flags });
    const trainable = await adapterTrainable(base, config);
    const { objective, data } = await openBatches(base, config, { maxLength: 128 });
    const graph = await createLossGraph(base, { trainable, objective, maxLength: 128, gradients: true, seed: 3 });
    using parameters = new ParameterArena(graph.parameters);
    using gradients = new ParameterArena(graph.parameters);
    await trainable.initialize(parameters);
    const random = createRandom(4, 'direction');
    for (const entry of parameters.entries)
      parameters.view(entry).forEach((value, i, all) => (all[i] = value + 0.1 * random.normal()));
    const bound = { environment, parameters, gradients, dropout: 0.4, seed: 3 };
    using session = await LossSession.open(graph, bound);
    let micro: MicroBatch | undefined;
    for await (const batch of data.batches(100)) micro ??= batch;
    if (micro === undefined) throw new Error('the golden case has a batch');
    const at = { step: 7, microBatch: 1 };
    const { lossSum } = await session.run(micro, at);
    // Along the gradient the loss changes most, and the change is the gradient's own length.
    const expected = Math.sqrt(gradients.flat.reduce((sum, value) => sum + value * value, 0));
    const direction = gradients.flat.map((value) => value / expected);
    expect((await session.run(micro, { ...at, step: 8 })).lossSum).not.toBe(lossSum);
    expect((await session.run(micro, { ...at, microBatch: 2 })).lossSum).not.toBe(lossSum);
    expect((await session.run(micro, at)).lossSum).toBe(lossSum);
    const start = parameters.flat.slice();
    const moved = async (length: number): Promise<number> => {
      parameters.flat.set(start.map((value, i) => value + length * (direction[i] ?? 0)));
      return (await session.run(micro, at)).lossSum;
    };
    const epsilon = 5e-3;
    const found = ((await moved(epsilon)) - (await moved(-epsilon))) / (2 * epsilon);
    // WHY 1 %: differences of f32 sums, and the curvature over the step.
    expect(Math.abs(found / expected - 1)).toBeLessThan(0.01);
  });
});

describe('LossSession', () => {
  it('leaves no native handle behind', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});
