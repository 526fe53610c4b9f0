import { checkpointPath, checkpointsOf } from '../../checkpoint/index.ts';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { crossSection } from '../../core/testing/cross-section.ts';
import { liveHandles } from '../../native/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import { runTraining, type RunTrainingOptions } from '../loop/run-training.ts';
import { AdamW } from '../optimizer/adamw.ts';
import type { TrainEvent } from '../report/train-result.ts';
import { loadGolden } from '../testing/golden.ts';

let environment: Environment;
let folder: string;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-resume-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const rowTexts = Array.from({ length: 7 }, (_, row) =>
  JSON.stringify({ input_ids: Array.from({ length: 4 + 2 * row }, (__, i) => 3 + ((7 * row + 5 * i) % 40)) }),
);

type Flags = Readonly<Record<string, unknown>>;

interface Trained {
  readonly events: readonly TrainEvent[];
  readonly warnings: readonly string[];
  readonly output: string;
}

interface Going extends Omit<RunTrainingOptions, 'environment' | 'signal' | 'onEvent'> {
  readonly name: string;
  readonly flags: Flags;
  /** The step after which the training is interrupted. */
  readonly stopAfter?: number;
}

async function go({ name, flags, stopAfter, ...options }: Going): Promise<Trained> {
  const { base } = await loadGolden('llama');
  const data = join(folder, 'rows.jsonl');
  await writeFile(data, `${rowTexts.join('\n')}\n`);
  const output = join(folder, name);
  const common = { batchSize: 2, accumulate: 2, seed: 3, maxSteps: 7, learningRate: 1e-2 };
  const adapter = flags['full'] === true || flags['initAdapter'] !== undefined ? {} : { rank: 2 };
  const config = resolveConfig({ flags: { base, data, output, ...common, ...adapter, ...flags } });
  const controller = new AbortController();
  const events: TrainEvent[] = [];
  const onEvent = (event: TrainEvent): void => {
    events.push(event);
    if (event.kind === 'stepped' && event.metrics.step === stopAfter) controller.abort();
  };
  await runTraining(config, { environment, signal: controller.signal, onEvent, ...options });
  const warnings = events.flatMap((event) => (event.kind === 'warned' ? [event.message] : []));
  return { events, warnings, output };
}

/** Every file of a result by name; of the metrics without what depends on the clock. */
async function resultOf(output: string): Promise<Record<string, string>> {
  const result: Record<string, string> = {};
  for (const name of await readdir(output)) {
    const bytes = await readFile(join(output, name));
    const text = bytes.toString(name.endsWith('.safetensors') ? 'base64' : 'utf8');
    result[name] = text.replaceAll(/,"tokensPerSecond":[^,}]*/g, '');
  }
  return result;
}

const golden = (path: string): string => fileURLToPath(new URL(`../../../test/golden/${path}`, import.meta.url));

/** Rows with labels, for a classifier. */
const labelled = Array.from(
  { length: 6 },
  (_, row) => `{"input_ids": [${3 + row}, 9, ${4 + row}], "label": ${row % 2}}`,
);

const kinds: readonly (readonly [string, Flags])[] = [
  ['AdamW with decay, dropout, a schedule and held-out rows', { dropout: 0.3, weightDecay: 0.1, schedule: 'cosine' }],
  ['AdamW with state in f64', { optimizerDtype: 'float64' }],
  ['Lion', { optimizer: 'lion', dropout: 0.3 }],
  ['SGD', { optimizer: 'sgd' }],
  ['LoRA+ with rates by name', { loraPlusRatio: 4, learningRatePattern: { q_proj: 3e-2 } }],
  ['SGD with Nesterov momentum', { optimizer: 'sgd', momentum: 0.9, nesterov: true }],
  ['DoRA', { useDora: true }],
  ['DoRA that is trained further', { initAdapter: golden('adapters/dora/adapter'), base: undefined }],
  ['PiSSA', { initLoraWeights: 'pissa' }],
  ['every weight', { full: true, learningRate: 1e-3 }],
];

async function flagsOf(flags: Flags): Promise<Flags> {
  if (!('base' in flags)) return flags;
  const { model } = JSON.parse(await readFile(golden('adapters/dora/expected.json'), 'utf8')) as { model: string };
  return { ...flags, base: golden(`${model}/model`) };
}

describe('a training that was interrupted and gone on with', () => {
  it.each(crossSection(kinds, 5))('ends in the very bytes of one that never was: %s', async (_, given) => {
    const evalData = join(folder, 'rows.jsonl');
    const flags = { ...(await flagsOf(given)), evalData, evalSteps: 3, saveSteps: 100 };
    const whole = await go({ name: 'whole', flags });
    const expected = await resultOf(whole.output);
    for (const stopAfter of [1, 4]) {
      const name = `stopped-${stopAfter}`;
      await go({ name, flags, stopAfter });
      const again = go({ name, flags });
      await expect(again).rejects.toMatchObject({ code: 'TRAIN_UNFINISHED', details: { step: stopAfter, steps: 7 } });
      const { events, output } = await go({ name, flags: { ...flags, resume: true } });
      expect(events.find(({ kind }) => kind === 'resumed')).toMatchObject({ step: stopAfter });
      expect(await resultOf(output)).toEqual(expected);
    }
  });

  it('ends in the very bytes of one that never was: the best weights, and an early end', async () => {
    const evalData = join(folder, 'rows.jsonl');
    const rising = { optimizer: 'sgd', learningRate: 3, maxGradNorm: 0, maxSteps: 12 };
    const flags = { ...rising, evalData, evalSteps: 1, earlyStopping: 4, result: 'best', saveSteps: 100 };
    const whole = await go({ name: 'whole', flags });
    const last = whole.events.findLast((event) => event.kind === 'stepped')?.metrics.step ?? NaN;
    expect(last).toBeLessThan(12);
    const lastWeights = await go({ name: 'last', flags: { ...flags, result: 'last' } });
    const expected = await resultOf(whole.output);
    expect((await resultOf(lastWeights.output))['adapter_model.safetensors']).not.toBe(
      expected['adapter_model.safetensors'],
    );
    for (const stopAfter of [2, last - 1]) {
      const name = `stopped-${stopAfter}`;
      await go({ name, flags, stopAfter });
      const { output } = await go({ name, flags: { ...flags, resume: true } });
      expect(await resultOf(output)).toEqual(expected);
      // A training that has ended is not gone on with; its result is written again.
      const again = await go({ name, flags: { ...flags, resume: true } });
      expect(again.events.some(({ kind }) => kind === 'stepped')).toBe(false);
      expect(await resultOf(output)).toEqual(expected);
    }
  });

  it('ends in the very bytes of one that never was: a classifier with a new head', async () => {
    const { base } = await loadGolden('bert');
    const data = join(folder, 'labelled.jsonl');
    await writeFile(data, labelled.join('\n'));
    const flags = { base, data, saveSteps: 2, modulesToSave: 'classifier', targetModules: 'query,value' };
    const whole = await go({ name: 'whole', flags });
    await go({ name: 'stopped', flags, stopAfter: 3 });
    const { output } = await go({ name: 'stopped', flags: { ...flags, resume: true } });
    expect(await resultOf(output)).toEqual(await resultOf(whole.output));
  });

  it('would be seen to differ if the optimizer did not know how many steps it has taken', async () => {
    const flags = { saveSteps: 100 };
    const whole = await go({ name: 'whole', flags });
    await go({ name: 'stopped', flags, stopAfter: 3 });
    const { resume } = AdamW.prototype;
    AdamW.prototype.resume = () => undefined;
    try {
      const { output } = await go({ name: 'stopped', flags: { ...flags, resume: true } });
      const [result, expected] = [await resultOf(output), await resultOf(whole.output)];
      expect(result['adapter_model.safetensors']).not.toBe(expected['adapter_model.safetensors']);
    } finally {
      AdamW.prototype.resume = resume;
    }
  });
});

async function stepsIn(output: string): Promise<string[]> {
  return (await readdir(`${output}.checkpoints`)).sort();
}

describe('the checkpoints of a training', () => {
  it('are the last ones and the best one, and those of a finished training do not hold up the next', async () => {
    const evalData = join(folder, 'rows.jsonl');
    const saved: number[] = [];
    const flags = { saveSteps: 2, keep: 1, evalData, evalSteps: 3, learningRate: 3, maxGradNorm: 0, maxSteps: 9 };
    const { output, events } = await go({ name: 'out', flags: { ...flags, optimizer: 'sgd' } });
    let best = { step: 0, loss: Infinity };
    const records = new Set<number>();
    for (const event of events) {
      if (event.kind === 'saved') saved.push(event.step);
      if (event.kind === 'evaluated' && event.step > 0 && event.loss < best.loss) {
        best = event;
        records.add(event.step);
      }
    }
    expect(saved).toEqual([...new Set([2, 4, 6, 8, 9, ...records])].sort((a, b) => a - b));
    const kept = [...new Set([best.step, 9])].sort((a, b) => a - b);
    expect(await stepsIn(output)).toEqual(kept.map((step) => `step-00000000${step}`));
    await expect(go({ name: 'out', flags })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await go({ name: 'out', flags: { force: true, maxSteps: 2 } });
    expect(await stepsIn(output)).toEqual([]);
  });

  it.each<[string, Flags]>([
    ['LoRA', {}],
    ['PiSSA', { initLoraWeights: 'pissa' }],
  ])(
    'have the adapters that a training to their steps would have written, if these are wanted: %s',
    async (_, kind) => {
      const saving = { saveSteps: 3, keep: 3, saveAdapters: true };
      await go({ name: 'stopped', flags: { ...kind, ...saving }, stopAfter: 4 });
      const { output } = await go({ name: 'stopped', flags: { ...kind, ...saving, resume: true } });
      const adapterAt = (step: number) => resultOf(join(checkpointPath(checkpointsOf(output), step), 'adapter'));
      const { 'metrics.jsonl': _metrics, ...expected } = await resultOf(output);
      expect(await adapterAt(7)).toEqual(expected);
      // Interrupted after step 4, the training wrote what it had then as its result.
      const { output: early } = await go({ name: 'early', flags: kind, stopAfter: 4 });
      const { 'metrics.jsonl': _early, ...atFour } = await resultOf(early);
      expect(await adapterAt(4)).toEqual(atFour);
      expect(Object.keys(await adapterAt(6))).toEqual(Object.keys(expected));
      expect(await adapterAt(6)).not.toEqual(expected);
    },
  );

  it('are passed over, aloud and by name, where they are damaged', async () => {
    const flags = { saveSteps: 2 };
    const whole = await go({ name: 'whole', flags });
    await go({ name: 'stopped', flags, stopAfter: 5 });
    const output = join(folder, 'stopped');
    expect(await stepsIn(output)).toEqual(['step-000000004', 'step-000000005']);
    const damaged = join(`${output}.checkpoints`, 'step-000000005', 'optimizer-secondMoment.bin');
    const bytes = await readFile(damaged);
    bytes[70] = (bytes[70] ?? 0) ^ 1;
    await writeFile(damaged, bytes);
    await cp(`${output}.checkpoints`, join(folder, 'other.checkpoints'), { recursive: true });
    const { warnings, events } = await go({ name: 'stopped', flags: { ...flags, resume: true } });
    expect(warnings).toEqual([expect.stringMatching(/step-000000005 is refused: optimizer-secondMoment.bin does not/)]);
    expect(events.find(({ kind }) => kind === 'resumed')).toMatchObject({ step: 4 });
    expect(await resultOf(output)).toEqual(await resultOf(whole.output));
    for (const step of [4, 5]) await rm(join(folder, 'other.checkpoints', `step-00000000${step}`, 'parameters.bin'));
    const none = go({ name: 'other', flags: { ...flags, resume: true } });
    await expect(none).rejects.toMatchObject({ code: 'TRAIN_RESUME_BROKEN' });
  });

  it('are refused by a training that would not end in the same bytes', async () => {
    const flags = { saveSteps: 2 };
    await go({ name: 'stopped', flags, stopAfter: 3 });
    const other = join(folder, 'other.jsonl');
    await writeFile(other, rowTexts.toReversed().join('\n'));
    const changes: readonly (readonly [Flags, string])[] = [
      [{ learningRate: 2e-2 }, 'setting learningRate: it was 0.01 and is 0.02'],
      [{ seed: 4 }, 'setting seed: it was 3 and is 4'],
      [{ data: other }, 'data: the content is another'],
      [{ base: (await loadGolden('llama-d16')).base }, 'base: the content is another'],
      [{ maxSteps: 9 }, 'steps: it was 7 and is 9'],
    ];
    for (const [change, words] of changes) {
      const refused = go({ name: 'stopped', flags: { ...flags, ...change, resume: true } });
      await expect(refused).rejects.toMatchObject({
        code: 'TRAIN_RESUME_DIFFERS',
        message: expect.stringContaining(words) as string,
      });
    }
    expect(liveHandles()).toEqual({ environment: 1 });
  });

  it('of a training that is running do not make it an interrupted one', async () => {
    const flags = { saveSteps: 2, maxSteps: 4 };
    let second: Promise<unknown> | undefined;
    const clock = {
      now: () => {
        if (existsSync(join(folder, 'one.checkpoints', 'step-000000002'))) {
          second ??= go({ name: 'one', flags }).catch((error: unknown) => error);
        }
        return performance.now();
      },
    };
    await go({ name: 'one', flags, clock });
    expect(await second).toMatchObject({ code: 'OUTPUT_BUSY' });
  });

  it('begin at the start where there is none yet', async () => {
    const { warnings, output } = await go({ name: 'new', flags: { resume: true, saveSteps: 4, maxSteps: 4 } });
    expect(warnings).toEqual([expect.stringContaining('The training begins at its start')]);
    expect(await stepsIn(output)).toEqual(['step-000000004']);
  });

  it('may be missing where the disk was full, without harm to the training', async () => {
    const flags = { saveSteps: 2 };
    const whole = await go({ name: 'whole', flags });
    const beforeWrite = (what: string): void => {
      if (what === 'optimizer-firstMoment.bin') throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    };
    const { warnings, output } = await go({ name: 'full', flags, beforeWrite });
    expect(warnings).toHaveLength(4);
    expect(warnings[0]).toContain('No checkpoint of step 2 could be written (The disk of');
    expect(await stepsIn(output)).toEqual([]);
    expect(await resultOf(output)).toEqual(await resultOf(whole.output));
  });

  it('leave no native handle behind', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});
