import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPeftAdapter } from '../lora/index.ts';
import { openBaseModel } from '../models/index.ts';
import { liveHandles, openEnvironment, type Environment } from '../runtime/index.ts';
import { adapterTrainable } from './adapter-trainable.ts';
import { resolveConfig } from './config/resolve-config.ts';
import { createMicroBatch } from './micro-batch.ts';
import { ParameterArena } from './parameter-arena.ts';
import { loadGolden, type GoldenCase } from './testing/golden.ts';
import { createTrainingGraph } from './training-graph.ts';
import { TrainingSession } from './training-session.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

/** One pass over the golden batch with the golden adapter: the loss, and each gradient of the mean, by name. */
async function gradientsOf(golden: GoldenCase): Promise<{ loss: number; gradients: Map<string, Float32Array> }> {
  const base = await openBaseModel(golden.base);
  const flags = { base: golden.base, data: '-', output: '-', initAdapter: golden.adapter };
  const trainable = await adapterTrainable(base, resolveConfig({ flags }));
  const graph = await createTrainingGraph(base, { lora: trainable.lora, maxLength: 128, gradients: true });
  using parameters = new ParameterArena(graph.parameters);
  using gradients = new ParameterArena(graph.parameters);
  await trainable.initialize(parameters);
  using session = await TrainingSession.open(graph, { environment, parameters, gradients });
  const micro = createMicroBatch(golden.examples);
  const loss = (await session.run(micro)) / micro.targets;
  const means = gradients.entries.map((entry) => {
    return [entry.name, gradients.view(entry).map((value) => value / micro.targets)] as const;
  });
  return { loss, gradients: new Map(means) };
}

describe.each(['llama', 'llama-d16', 'llama-sgd'])('golden case %s', (name) => {
  it('has every gradient within 1e-4 of the largest of its tensor', async () => {
    const golden = await loadGolden(name);
    const { loss, gradients } = await gradientsOf(golden);
    expect(loss).toBeCloseTo(golden.lossTrace[0] ?? NaN, 4);
    const { modules } = await loadPeftAdapter(golden.adapter, (await openBaseModel(golden.base)).modules);
    expect(gradients.size).toBe(2 * modules.size);
    const tooFar = [...gradients].filter(([parameter, values]) => {
      const expected = golden.gradient(parameter);
      const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      return !expected.every((value, i) => Math.abs(value - (values[i] ?? NaN)) < 1e-4 * largest);
    });
    expect(tooFar).toEqual([]);
  });
});

describe('TrainingSession', () => {
  it('leaves no native handle behind', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});
