import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandomBase } from '../../src/models/index.ts';
import { tinyConfig } from '../../src/models/testing/fixtures.ts';
import { openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { resolveConfig } from '../../src/train/config/resolve-config.ts';
import { flatTensor, readFlat, writeFlat } from '../../src/train/device/flat-memory.ts';
import { ownPasses } from '../../src/train/graph/own-passes.ts';
import { ParameterArena } from '../../src/train/graph/parameter-arena.ts';
import { readTrainingInputs, StepLoop, TrainingModel, type TrainingInputs } from '../../src/train/index.ts';
import { isShort, onWebGpu } from './cases.ts';

let environment: Environment;
let folder: string;
beforeAll(async () => {
  environment = openEnvironment(onWebGpu);
  folder = await mkdtemp(join(tmpdir(), 'espalier-wide-'));
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** With seven matrices each. A shader reads at most some ten arrays at once. */
const layers = isShort ? 3 : 48;
const modules = 7 * layers;

async function wideInputs(): Promise<TrainingInputs> {
  const own = await mkdtemp(join(folder, 'inputs-'));
  const [base, data] = [join(own, 'base'), join(own, 'rows.jsonl')];
  const sizes = { hiddenSize: 8, intermediateSize: 12, heads: 2, kvHeads: 1, headDim: 4, vocabSize: 16 };
  await createRandomBase({ config: { ...tinyConfig, ...sizes, layers }, dir: base, seed: 2 });
  await writeFile(data, '{"input_ids":[1,7,9,4,5,6]}\n'.repeat(2));
  const flags = { base, data, output: '-', rank: 2, batchSize: 2, maxSteps: 2, optimizer: 'sgd', learningRate: 1e-2 };
  return readTrainingInputs(resolveConfig({ flags: { ...flags, targetModules: 'all-linear' } }), {});
}

describe(`${modules} adapted matrices`, () => {
  it('are read from one array of the device, and have their gradients in one', async () => {
    await using inputs = await wideInputs();
    const passes = await ownPasses(inputs);
    expect(passes.parameters).toHaveLength(2 * modules);
    using parameters = new ParameterArena(passes.parameters);
    using gradients = new ParameterArena(passes.parameters);
    // WHY not as they are initialized: B is 0 then, and so are the gradients of A.
    for (const { start, end } of parameters.entries)
      for (let i = start; i < end; i++) parameters.flat[i] = 0.1 * Math.sin(12.9898 * i);
    const { entries, flat } = parameters;
    if (passes.openFlatTraining === undefined) throw new Error('passes of one training are flat too');
    using session = await passes.openFlatTraining({ entries, length: flat.length }, { environment });
    expect(session.isOnDevice).toBe(true);
    using read = await session.allocate(flat.byteLength, 'parameters');
    using written = await session.allocate(flat.byteLength, 'gradients');
    await writeFlat(read, flat);
    using from = flatTensor(read);
    using to = flatTensor(written);
    session.bindFlat('parameters', from);
    session.bindFlat('gradients', to);
    using apart = await passes.openTraining({ environment, parameters, gradients });
    for await (const micro of inputs.data.batches(2)) {
      const expected = await apart.run(micro);
      const { lossSum } = await session.run(micro);
      expect(lossSum / expected.lossSum).toBeCloseTo(1, 5);
      break;
    }
    const found = new Float32Array(flat.length);
    await readFlat(written, found);
    const errors = gradients.entries.map(({ name, start, end }): [name: string, error: number] => {
      const [own, other] = [found.subarray(start, end), gradients.flat.subarray(start, end)];
      const largest = other.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largest).toBeGreaterThan(0);
      return [name, Math.max(...own.map((value, i) => Math.abs(value - (other[i] ?? NaN)))) / largest];
    });
    expect(errors.filter(([, error]) => !(error < 1e-5))).toEqual([]);
  });

  it('take the steps of a training that the host updates', async () => {
    const take = async (held: boolean): Promise<{ readonly losses: number[]; readonly weights: Float32Array }> => {
      await using inputs = await wideInputs();
      using model = await TrainingModel.open(inputs);
      using loop = await StepLoop.open(inputs, model, { environment, held });
      expect([loop.isHeld, loop.trouble]).toEqual([held, undefined]);
      const losses: number[] = [];
      for await (const { loss } of loop.steps()) losses.push(loss);
      return { losses, weights: (await model.read()).flat.slice() };
    };
    const [held, host] = [await take(true), await take(false)];
    expect(held.losses).toHaveLength(2);
    for (const [i, loss] of held.losses.entries()) expect(loss).toBeCloseTo(host.losses[i] ?? NaN, 5);
    expect(Math.max(...held.weights.map((value, i) => Math.abs(value - (host.weights[i] ?? NaN))))).toBeLessThan(1e-6);
  });
});
