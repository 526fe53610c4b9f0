import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceTraffic, openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { resolveConfig } from '../../src/train/config/resolve-config.ts';
import { listCheckpoints, OpenCheckpoint } from '../../src/checkpoint/index.ts';
import { trainingStateOf } from '../../src/train/checkpoint/training-state.ts';
import { readTrainingInputs, runTraining, StepLoop, TrainingModel, type RunState } from '../../src/train/index.ts';
import { loadGolden } from '../../src/train/testing/golden.ts';
import { isShort, onWebGpu } from './cases.ts';

let environment: Environment;
let folder: string;
beforeAll(async () => {
  environment = openEnvironment(onWebGpu);
  folder = await mkdtemp(join(tmpdir(), 'espalier-webgpu-'));
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
});

interface Stopped {
  readonly losses: readonly number[];
  readonly weights: Float32Array;
  readonly state: RunState;
  /** Bytes to the device and to the host in each step. */
  readonly toDevice: readonly number[];
  readonly toHost: readonly number[];
}

type Flags = Readonly<Record<string, unknown>>;

/** Takes steps of the golden training on the device. @param held  undefined: as a training does by default */
async function go(flags: Flags, held: boolean | undefined, take: number, from?: Stopped): Promise<Stopped> {
  const golden = await loadGolden('llama');
  const data = join(folder, 'rows.jsonl');
  await writeFile(data, golden.rows);
  const common = { base: golden.base, data, output: '-', initAdapter: golden.adapter, shuffle: false, maxSteps: 6 };
  await using inputs = await readTrainingInputs(resolveConfig({ flags: { ...common, ...flags } }), {});
  using model = await TrainingModel.open(inputs);
  if (from !== undefined) model.parameters.flat.set(from.weights);
  using loop = await StepLoop.open(inputs, model, { environment, held, from: from?.state });
  expect(loop.isHeld).toBe(held ?? true);
  const losses: number[] = [];
  const toDevice: number[] = [];
  const toHost: number[] = [];
  let before = deviceTraffic();
  for await (const { loss } of loop.steps()) {
    const now = deviceTraffic();
    losses.push(loss);
    toDevice.push(now.toDevice - before.toDevice);
    toHost.push(now.toHost - before.toHost);
    before = now;
    if (losses.length === take) break;
  }
  const { flat } = await model.read();
  return { losses, weights: flat.slice(), state: await loop.state(), toDevice, toHost };
}

const settings: readonly Flags[] = [
  { optimizer: 'adamw', weightDecay: 0.1, batchSize: 2, accumulate: 2, maxGradNorm: 0.5 },
  { optimizer: 'lion', batchSize: 4, learningRate: 1e-4 },
  { optimizer: 'sgd', batchSize: 4, momentum: 0.9, learningRate: 1e-2 },
];

/** Other things that are trained, with rates and decays of their own, and another graph. */
const forms: readonly Flags[] = [
  {
    initAdapter: undefined,
    rank: 2,
    useDora: true,
    batchSize: 4,
    weightDecay: 0.1,
    loraPlusRatio: 4,
    learningRate: 1e-3,
  },
  {
    initAdapter: undefined,
    full: true,
    recompute: true,
    optimizer: 'lion',
    batchSize: 2,
    accumulate: 2,
    learningRate: 1e-4,
  },
];

describe('a training whose parameters, gradients and state are on a device', () => {
  it.each(isShort ? settings.slice(0, 1) : [...settings, ...forms])(
    'takes the steps of one that is updated on the host: %o',
    async (flags) => {
      const held = await go(flags, undefined, 6);
      const host = await go(flags, false, 6);
      for (const [i, loss] of held.losses.entries())
        expect(Math.abs(loss - (host.losses[i] ?? NaN))).toBeLessThan(1e-4);
      const far = host.weights.filter((value, i) => !(Math.abs(value - (held.weights[i] ?? NaN)) < 1e-3));
      expect(far.length).toBeLessThan(0.01 * host.weights.length);
      const started = await go(flags, false, 0);
      expect(held.weights).not.toEqual(started.weights);
    },
  );

  it('is gone on from bit for bit', async () => {
    const [flags] = settings;
    const whole = await go({ ...flags }, undefined, 4);
    const first = await go({ ...flags }, undefined, 2);
    const second = await go({ ...flags }, undefined, 2, { ...first, state: structuredClone(first.state) });
    expect([...first.losses, ...second.losses]).toEqual(whole.losses);
    expect(second.weights).toEqual(whole.weights);
    expect(second.state).toEqual(whole.state);
  });

  it('copies rows to the device and a few numbers back, not its parameters', async () => {
    const [flags] = settings;
    const held = await go({ ...flags }, undefined, 3);
    const host = await go({ ...flags }, false, 3);
    const bytes = held.weights.byteLength;
    // The first step also allocates the memory of its second pass, which is filled with zeros.
    expect(held.toDevice[0]).toBeLessThan(bytes + 128);
    for (const step of [1, 2]) {
      expect(held.toDevice[step]).toBeLessThan(128);
      expect(held.toHost[step]).toBeLessThan(128);
      expect(host.toDevice[step]).toBeGreaterThan(0.9 * bytes);
      expect(host.toHost[step]).toBeGreaterThan(2 * 0.9 * bytes);
    }
  });

  it('writes the same result after an interruption, with evaluations and the best weights', async () => {
    const golden = await loadGolden('llama');
    const data = join(folder, 'rows.jsonl');
    await writeFile(data, golden.rows);
    const train = async (name: string, flags: Flags, stopAfter?: number): Promise<readonly string[]> => {
      const output = join(folder, name);
      const common = { base: golden.base, data, evalData: data, evalSteps: 2, result: 'best', output, batchSize: 2 };
      const own = { ...common, rank: 2, maxSteps: 6, saveSteps: 2, learningRate: 1e-2, targetModules: 'q_proj' };
      const controller = new AbortController();
      await runTraining(resolveConfig({ flags: { ...own, ...flags } }), {
        environment,
        signal: controller.signal,
        onEvent: (event) => {
          if (event.kind === 'stepped' && event.metrics.step === stopAfter) controller.abort();
        },
      });
      const [newest] = await listCheckpoints(`${output}.checkpoints`);
      expect(newest && trainingStateOf(await OpenCheckpoint.open(newest.path)).held).toBe(true);
      const metrics = await readFile(join(output, 'metrics.jsonl'), 'utf8');
      const adapter = await readFile(join(output, 'adapter_model.safetensors'), 'base64');
      return [metrics.replaceAll(/,"tokensPerSecond":[^,}]*/g, ''), adapter];
    };
    const whole = await train('whole', {});
    await train('part', {}, 3);
    expect(await train('part', { resume: true })).toEqual(whole);
    const evaluated = [...(whole[0] ?? '').matchAll(/"evalLoss":([\d.]+)/g)].map(([, loss]) => Number(loss));
    expect(evaluated.length).toBeGreaterThan(2);
    expect(new Set(evaluated).size).toBe(evaluated.length);
  });
});
