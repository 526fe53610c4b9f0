import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../../core/testing/cross-section.ts';
import type { EspalierError } from '../../core/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import { readTrainingInputs, runTraining, StepLoop, TrainingModel, type RunState } from '../index.ts';
import type { StepMetrics } from '../report/metrics.ts';
import { loadGolden } from '../testing/golden.ts';

let environment: Environment;
let folder: string;
let data: string;
let labelled: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-held-'));
  environment = openEnvironment({ threads: 1 });
  [data, labelled] = [join(folder, 'rows.jsonl'), join(folder, 'labelled.jsonl')];
  const rows = Array.from({ length: 7 }, (_, row) =>
    Array.from({ length: 4 + 2 * row }, (__, i) => 3 + ((7 * row + 5 * i) % 40)),
  );
  const lines = (of: (ids: number[], row: number) => object): string =>
    rows.map((ids, row) => `${JSON.stringify(of(ids, row))}\n`).join('');
  await writeFile(
    data,
    lines((ids) => ({ input_ids: ids })),
  );
  await writeFile(
    labelled,
    lines((ids, row) => ({ input_ids: ids, label: row % 2 })),
  );
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
});

interface Stopped {
  readonly lines: readonly (Pick<StepMetrics, 'loss' | 'gradNorm'> & { readonly skipped: string | undefined })[];
  readonly weights: Float32Array;
  readonly state: RunState;
}

type Flags = Readonly<Record<string, unknown>>;
const common = { rank: 2, batchSize: 2, seed: 3, maxSteps: 6, learningRate: 1e-2 };

/** Takes steps with what is trained beside the graph (held), or on the host. */
async function go(flags: Flags, held: boolean, take: number, from?: Stopped): Promise<Stopped> {
  const { golden = 'llama', ...own } = flags;
  const { base } = await loadGolden(String(golden));
  const rows = golden === 'bert' ? labelled : data;
  const config = resolveConfig({ flags: { base, data: rows, output: '-', ...common, ...own } });
  await using inputs = await readTrainingInputs(config, {});
  using model = await TrainingModel.open(inputs);
  if (from !== undefined) model.parameters.flat.set(from.weights);
  using loop = await StepLoop.open(inputs, model, { environment, held, from: from?.state });
  expect(loop.isHeld).toBe(held);
  const lines = [];
  for await (const { loss, gradNorm, skipped } of loop.steps())
    if (lines.push({ loss, gradNorm, skipped }) === take) break;
  const { flat } = await model.read();
  return { lines, weights: flat.slice(), state: await loop.state() };
}

const settings: readonly Flags[] = [
  { optimizer: 'adamw', weightDecay: 0.1, accumulate: 2, maxGradNorm: 0.5 },
  { optimizer: 'adamw', loraPlusRatio: 8, dropout: 0.3, maxGradNorm: 0, learningRate: 1e-3 },
  { optimizer: 'adamw', freezeA: true, weightDecay: 0.1 },
  { optimizer: 'lion', accumulate: 3, learningRate: 1e-3 },
  { optimizer: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.1 },
];

/** Other things that are trained, and another graph. */
const forms: readonly Flags[] = [
  { useDora: true, learningRate: 1e-3, weightDecay: 0.1 },
  { full: true, rank: undefined, optimizer: 'lion', learningRate: 1e-4, recompute: true, accumulate: 2 },
  { golden: 'bert', modulesToSave: 'classifier', targetModules: 'query,value', learningRate: 1e-3, loraPlusRatio: 4 },
  { initLoraWeights: 'pissa', rankPattern: '{"q_proj":5}', learningRate: 1e-3 },
];

describe('a training that is held beside its graph', () => {
  it.each(crossSection([...settings, ...forms], 4))('takes the steps of one on the host: %o', async (flags) => {
    const [held, host] = [await go(flags, true, 6), await go(flags, false, 6)];
    for (const [i, { loss, gradNorm }] of held.lines.entries()) {
      expect(Math.abs(loss - (host.lines[i]?.loss ?? NaN))).toBeLessThan(2e-5);
      expect(gradNorm / (host.lines[i]?.gradNorm ?? NaN)).toBeCloseTo(1, 4);
    }
    const moved = host.weights.filter((value, i) => Math.abs(value - (held.weights[i] ?? NaN)) > 1e-3);
    // WHY not none: the first steps of AdamW and each of Lion go by the sign of a gradient, which may be of rounding alone.
    expect(moved.length).toBeLessThan(0.01 * host.weights.length);
  });

  it.each(crossSection(settings, 5))('is gone on from bit for bit: %o', async (flags) => {
    const whole = await go(flags, true, 6);
    const first = await go(flags, true, 2);
    const second = await go(flags, true, 4, { ...first, state: structuredClone(first.state) });
    expect([...first.lines, ...second.lines]).toEqual(whole.lines);
    expect(second.weights).toEqual(whole.weights);
    expect(second.state).toEqual(whole.state);
  });

  it('writes the same result after an interruption, with evaluations and the best weights', async () => {
    const { base } = await loadGolden('llama');
    const train = async (name: string, flags: Flags, stopAfter?: number): Promise<readonly string[]> => {
      const output = join(folder, name);
      const own = {
        base,
        data,
        evalData: data,
        evalSteps: 2,
        result: 'best',
        output,
        ...common,
        saveSteps: 2,
        ...flags,
      };
      const controller = new AbortController();
      await runTraining(resolveConfig({ flags: own }), {
        environment,
        held: true,
        signal: controller.signal,
        onEvent: (event) => {
          if (event.kind === 'stepped' && event.metrics.step === stopAfter) controller.abort();
        },
      });
      const metrics = await readFile(join(output, 'metrics.jsonl'), 'utf8');
      const adapter = await readFile(join(output, 'adapter_model.safetensors'), 'base64');
      return [metrics.replaceAll(/,"tokensPerSecond":[^,}]*/g, ''), adapter];
    };
    const whole = await train('whole', {});
    expect(whole[0]).toContain('evalLoss');
    await train('part', {}, 3);
    expect(await train('part', { resume: true })).toEqual(whole);
    const evaluated = [...(whole[0] ?? '').matchAll(/"evalLoss":([\d.]+)/g)].map(([, loss]) => Number(loss));
    expect(new Set(evaluated).size).toBe(evaluated.length);
  });

  it('names the gradients that are not finite, as on the host', async () => {
    const flags = { optimizer: 'adamw', accumulate: 2 };
    const { weights, state } = await go(flags, true, 2);
    weights[0] = NaN;
    const broken = { lines: [], weights, state };
    const namesOf = async (held: boolean) => (await go(flags, held, 1, broken)).lines[0]?.skipped;
    expect(await namesOf(true)).toContain('lora_');
    expect(await namesOf(true)).toBe(await namesOf(false));
  });

  it('is evaluated with the weights of its last step', async () => {
    const { base } = await loadGolden('llama');
    const evaluate = async (held: boolean): Promise<readonly number[]> => {
      const output = join(folder, `evaluated-${held}`);
      const flags = { base, data, evalData: data, evalSteps: 1, output, ...common, maxSteps: 12, learningRate: 1e-3 };
      await runTraining(resolveConfig({ flags }), { environment, held });
      const metrics = await readFile(join(output, 'metrics.jsonl'), 'utf8');
      return [...metrics.matchAll(/"evalLoss":([\d.]+)/g)].map(([, loss]) => Number(loss));
    };
    const [held, host] = [await evaluate(true), await evaluate(false)];
    expect(new Set(held).size).toBe(12);
    for (const [i, loss] of held.entries()) expect(Math.abs(loss - (host[i] ?? NaN))).toBeLessThan(2e-5);
  });

  it('is ended where its weights are too large, as on the host', async () => {
    const { base } = await loadGolden('llama');
    // WHY such a rate: it ends the first step. Behind a later one, another check may have read the weights.
    const endOf = async (held: boolean): Promise<unknown> => {
      const output = join(folder, `diverged-${held}`);
      const flags = { base, data, output, ...common, maxSteps: 30, learningRate: 1e8, targetModules: 'q_proj' };
      return runTraining(resolveConfig({ flags }), { environment, held }).catch((error: unknown) => error);
    };
    const [held, host] = [await endOf(true), await endOf(false)];
    expect(host).toMatchObject({ code: 'TRAINING_DIVERGED', details: { seen: expect.stringContaining('weight') } });
    expect(held).toMatchObject({
      code: 'TRAINING_DIVERGED',
      details: { step: (host as EspalierError).details['step'] },
    });
    expect((held as EspalierError).details['seen']).toContain('weight');
  });
});
