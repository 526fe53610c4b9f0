import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { crossSection } from '../../core/testing/cross-section.ts';
import { quantizedCases } from '../../models/testing/golden-cases.ts';
import { liveHandles } from '../../native/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { loadSafetensors, typedArray, type TensorData } from '../../tensor/index.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import { runTraining, type RunTrainingOptions } from './run-training.ts';
import { largestDifference } from '../testing/compare-weights.ts';
import { loadGolden, type GoldenCase } from '../testing/golden.ts';
import type { OpenMetricsFile } from '../report/metrics.ts';
import type { TrainEvent } from '../report/train-result.ts';

let environment: Environment;
let folder: string;
let outputs = 0;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-train-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function train(
  golden: GoldenCase,
  flags: Record<string, unknown>,
  options: Omit<RunTrainingOptions, 'environment'> = {},
) {
  const data = join(folder, 'rows.jsonl');
  await writeFile(data, golden.rows);
  const output = join(folder, `out-${(outputs += 1)}`);
  const config = resolveConfig({
    flags: { base: golden.base, data, output, shuffle: false, maxGradNorm: 0, ...flags },
  });
  const result = await runTraining(config, { environment, ...options });
  const lines = (await readFile(join(config.output, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return { result, output, losses: lines.map((line) => (JSON.parse(line) as { loss: number }).loss) };
}

const asGolden = ({ adapter, optimizer }: GoldenCase) => ({ initAdapter: adapter, ...optimizer, maxSteps: 10 });

const mixtures = ['experts/both'];
const decoders = ['llama', 'llama-d16', 'llama-sgd', 'qwen2', 'qwen3', 'gemma3', 'gpt2', ...mixtures];
const encoders = ['bert', 'bert-types', 'roberta', 'distilbert', 'llama-classifier'];

describe.each(crossSection([...decoders, ...encoders, ...quantizedCases], 8))('golden case %s', (name) => {
  it('follows the loss trace of PEFT over ten steps, and ends at its weights', async () => {
    const golden = await loadGolden(name);
    const evalData = join(folder, 'rows.jsonl');
    const { losses, result, output } = await train(golden, { ...asGolden(golden), evalData });
    [...losses, result.evalLossAfter].forEach((loss, step) =>
      expect(Math.abs((loss ?? NaN) - (golden.lossTrace[step] ?? NaN))).toBeLessThan(1e-3),
    );
    expect(result.evalLossBefore).toBeCloseTo(golden.lossTrace[0] ?? NaN, 4);
    // WHY 5e-3 here: Adam divides by √v, so that an element whose gradient is near 0 takes a step of any size up to lr.
    const file = 'adapter_model.safetensors';
    expect(await largestDifference(join(output, file), join(golden.trained, file))).toBeLessThan(5e-3);
  });
});

interface Traces {
  readonly losses: readonly number[];
  /** The losses before each step with weight decay. */
  readonly decayed?: { readonly weight_decay: number; readonly losses: readonly number[] };
}

interface AdapterCase extends Traces {
  readonly golden: GoldenCase;
  readonly folder: string;
}

/** What PEFT lost over five steps of AdamW with an adapter of another kind, and what it gives then. */
async function loadAdapterCase(name: string): Promise<AdapterCase> {
  const at = fileURLToPath(new URL(`../../../test/golden/adapters/${name}/`, import.meta.url));
  const { model, ...traces } = JSON.parse(await readFile(join(at, 'expected.json'), 'utf8')) as {
    model: string;
  } & Traces;
  const { tensors } = await loadSafetensors(join(at, 'expected.safetensors'));
  const [ids, labels] = ['input_ids', 'labels'].map((key) => tensors.get(key));
  if (!ids || !labels) throw new TypeError('the golden case has changed');
  return { golden: { ...(await loadGolden(model)), rows: unpaddedRows(ids, labels) }, folder: at, ...traces };
}

describe('an adapter of another kind', () => {
  const fiveSteps = { optimizer: 'adamw', learningRate: 1e-2, maxSteps: 5 };
  const pissa = { rank: 2, alpha: 4, initLoraWeights: 'pissa' };

  it.each<[string, Record<string, unknown>]>([
    ['dora', {}],
    ['dora-gpt2', {}],
    ['pissa', { ...pissa, targetModules: 'q_proj,v_proj' }],
    ['pissa-rslora-gpt2', { ...pissa, targetModules: 'c_attn', useRslora: true }],
    ['olora', { ...pissa, targetModules: 'q_proj,down_proj', initLoraWeights: 'olora' }],
  ])('follows the loss trace of PEFT: %s', async (name, flags) => {
    const { golden, folder: at, losses: expected } = await loadAdapterCase(name);
    const initAdapter = name.startsWith('dora') ? { initAdapter: join(at, 'adapter') } : {};
    const evalData = join(folder, 'rows.jsonl');
    const { losses, result, output } = await train(golden, { ...fiveSteps, ...initAdapter, ...flags, evalData });
    const errors = [...losses, result.evalLossAfter].map((loss, i) => Math.abs((loss ?? NaN) - (expected[i] ?? NaN)));
    expect(errors).toHaveLength(6);
    expect(Math.max(...errors)).toBeLessThan(1e-4);
    const names = async (dir: string): Promise<string[]> =>
      [...(await loadSafetensors(join(dir, 'adapter_model.safetensors'))).tensors.entries()]
        .map(([key, { shape }]) => `${key} ${shape.join()}`)
        .sort();
    expect(await names(output)).toEqual(await names(join(at, 'trained')));
    // What was saved gives the loss that the training ended with, on the base as it lies.
    const again = await train(golden, { ...fiveSteps, initAdapter: output, evalData, maxSteps: 1 });
    expect(again.result.evalLossBefore).toBeCloseTo(result.evalLossAfter ?? NaN, 4);
  });

  it('refuses to go on with biases of lora_bias, which it would not train', async () => {
    const initAdapter = fileURLToPath(new URL('../../../test/golden/adapters/lora-bias/adapter', import.meta.url));
    const training = train(await loadGolden('qwen2'), { ...fiveSteps, initAdapter });
    await expect(training).rejects.toMatchObject({ code: 'LORA_PARTS_NOT_APPLIED' });
  });

  it.each(['dora', 'dora-gpt2'])('lets magnitudes decay as PEFT does: %s', async (name) => {
    const { golden, folder: at, decayed } = await loadAdapterCase(name);
    const flags = { ...fiveSteps, initAdapter: join(at, 'adapter'), weightDecay: decayed?.weight_decay };
    const { losses } = await train(golden, flags);
    const errors = losses.map((loss, i) => Math.abs(loss - (decayed?.losses[i] ?? NaN)));
    expect(errors).toHaveLength(5);
    expect(Math.max(...errors)).toBeLessThan(1e-5);
  });

  it.each<[string, Record<string, unknown>]>([
    ['embeddings and the head', { targetModules: 'embed_tokens,lm_head,q_proj' }],
    ['DoRA', { targetModules: 'q_proj', useDora: true }],
    [
      'some layers, less some modules',
      { targetModules: 'q_proj,k_proj', layersToTransform: '1', rankPattern: { q_proj: 3 } },
    ],
    ['PiSSA by iteration', { targetModules: '.*proj', excludeModules: 'v_proj', initLoraWeights: 'pissa_niter_16' }],
  ])('begins where the base is, and learns: %s', async (_, flags) => {
    const golden = await loadGolden('llama');
    const evalData = join(folder, 'rows.jsonl');
    const { result, output } = await train(golden, { ...fiveSteps, rank: 2, ...flags, evalData });
    const plain = await train(golden, { ...fiveSteps, rank: 2, evalData });
    expect(result.evalLossBefore).toBeCloseTo(plain.result.evalLossBefore ?? NaN, 5);
    expect(result.evalLossAfter).toBeLessThan(result.evalLossBefore ?? NaN);
    const again = await train(golden, { ...fiveSteps, initAdapter: output, evalData, maxSteps: 1 });
    expect(again.result.evalLossBefore).toBeCloseTo(result.evalLossAfter ?? NaN, 4);
  });
});

/** Rows of a batch without padding, as JSONL. */
function unpaddedRows(ids: TensorData, labels: TensorData): string {
  const length = ids.shape[1] ?? 0;
  const [allIds, allLabels] = [ids, labels].map((tensor) => Array.from(typedArray(tensor), Number));
  return Array.from({ length: ids.shape[0] ?? 0 }, (_, row) => {
    const cut = (values: readonly number[] = []): number[] => values.slice(row * length, (row + 1) * length);
    return `${JSON.stringify({ input_ids: cut(allIds), labels: cut(allLabels) })}\n`;
  }).join('');
}

describe.each(['families/llama-dynamic', 'families/phi3-longrope', 'families/gemma2'])('golden case %s', (name) => {
  it('begins at the loss of PEFT, whatever depends on how long its rows are', async () => {
    const golden = await loadGolden(name);
    const { result } = await train(golden, { initAdapter: golden.adapter, batchSize: 3, maxSteps: 1 });
    expect(result.firstLoss).toBeCloseTo(golden.lossTrace[0] ?? NaN, 4);
  });
});

describe('runTraining', () => {
  it.each([
    { batchSize: 1, accumulate: 3 },
    { batchSize: 2, accumulate: 2, logitRows: 5 },
    { batchSize: 3, accumulate: 1 },
  ])('takes the same steps however the rows are split: $batchSize × $accumulate', async (split) => {
    const golden = await loadGolden('llama');
    const { losses } = await train(golden, { ...asGolden(golden), ...split });
    losses.forEach((loss, step) => expect(loss).toBeCloseTo(golden.lossTrace[step] ?? NaN, 3));
  });

  it('takes the same steps with rows of other lengths in 1 × 8, 2 × 4, 4 × 2 and 8 × 1', async () => {
    const golden = await loadGolden('llama');
    const lines = Array.from({ length: 8 }, (_, row) => {
      const ids = Array.from({ length: 4 + 2 * row }, (__, i) => 3 + ((7 * row + 5 * i) % 40));
      return JSON.stringify({ input_ids: ids });
    });
    // A mean over micro-batches would weigh the targets of short rows more.
    const rows = lines.join('\n');
    const flags = { ...asGolden(golden), optimizer: 'sgd', weightDecay: 0, learningRate: 0.5, maxSteps: 4 };
    const [first, ...others] = await Promise.all(
      [1, 2, 4, 8].map((batchSize) => train({ ...golden, rows }, { ...flags, batchSize, accumulate: 8 / batchSize })),
    );
    for (const { losses, output } of others) {
      losses.forEach((loss, step) => expect(Math.abs(loss - (first?.losses[step] ?? NaN))).toBeLessThan(2e-6));
      const adapters = [first?.output ?? '', output].map((each) => join(each, 'adapter_model.safetensors'));
      expect(await largestDifference(adapters[0] ?? '', adapters[1] ?? '')).toBeLessThan(1e-6);
    }
    expect((first?.losses[0] ?? NaN) - (first?.losses[3] ?? NaN)).toBeGreaterThan(1e-3);
  });

  it('drops the same values however the rows are split', async () => {
    const golden = await loadGolden('llama');
    const flags = { ...asGolden(golden), maxSteps: 3, dropout: 0.4 };
    const [whole, split] = [{ batchSize: 3 }, { batchSize: 1, accumulate: 3 }].map((each) => ({ ...flags, ...each }));
    const [a, b] = [(await train(golden, whole ?? {})).losses, (await train(golden, split ?? {})).losses];
    a.forEach((loss, step) => expect(Math.abs(loss - (b[step] ?? NaN))).toBeLessThan(1e-5));
    expect(Math.abs((a[0] ?? NaN) - (golden.lossTrace[0] ?? NaN))).toBeGreaterThan(1e-3);
  });

  it('says how it fits into a memory limit, and refuses one into which it does not fit', async () => {
    const golden = await loadGolden('llama');
    const { result } = await train(golden, { ...asGolden(golden), maxSteps: 1, memoryLimit: '900GB' });
    expect(result.plan.memory).toMatchObject({ recompute: false, pack: true, limit: 9e11 });
    expect(result.firstLoss).toBeCloseTo(golden.lossTrace[0] ?? NaN, 4);
    const refused = train(golden, { ...asGolden(golden), maxSteps: 1, memoryLimit: '1MB' });
    await expect(refused).rejects.toMatchObject({ code: 'TRAIN_MEMORY_LIMIT' });
  });

  it('gives the same bytes for the same seed, dropout included, and others for another', async () => {
    const golden = await loadGolden('llama');
    const hash = async (seed: number): Promise<string> => {
      const { output } = await train(golden, { rank: 4, dropout: 0.3, shuffle: true, maxSteps: 4, seed });
      return createHash('sha256')
        .update(await readFile(join(output, 'adapter_model.safetensors')))
        .digest('hex');
    };
    const first = await hash(1);
    expect(await hash(1)).toBe(first);
    expect(await hash(2)).not.toBe(first);
  });

  it('writes the names that all-linear means, which every reader of the folder knows', async () => {
    const { output } = await train(await loadGolden('llama'), { maxSteps: 1 });
    const config = JSON.parse(await readFile(join(output, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
    const attention = ['q_proj', 'k_proj', 'v_proj', 'o_proj'];
    expect(config['target_modules']).toEqual([...attention, 'gate_proj', 'up_proj', 'down_proj']);
  });

  it('trains on an adapter when the targets asked for are its own, and refuses others', async () => {
    const golden = await loadGolden('llama');
    const { losses } = await train(golden, { ...asGolden(golden), maxSteps: 1, targetModules: 'all-linear' });
    expect(losses[0]).toBeCloseTo(golden.lossTrace[0] ?? NaN, 3);
    const others = train(golden, { ...asGolden(golden), maxSteps: 1, targetModules: 'q_proj' });
    await expect(others).rejects.toMatchObject({ code: 'TRAIN_CONFIG_CONFLICT' });
  });

  it('never touches the base', async () => {
    const golden = await loadGolden('llama');
    const read = async (): Promise<string[]> =>
      Promise.all((await readdir(golden.base)).map((file) => readFile(join(golden.base, file), 'base64')));
    const before = await read();
    await train(golden, { maxSteps: 2 });
    expect(await read()).toEqual(before);
  });

  it('trains every weight with full, and writes a model that can be trained on', async () => {
    const golden = await loadGolden('llama');
    const { losses, output, result } = await train(golden, { full: true, learningRate: 1e-2, maxSteps: 5 });
    expect(result.plan.trainableParameters).toBe(result.plan.baseParameters);
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2);
    const { losses: next } = await train({ ...golden, base: output }, { maxSteps: 1 });
    expect(next[0]).toBeLessThan(losses.at(-1) ?? 0);
  });

  it('saves what has been trained when it is interrupted', async () => {
    const golden = await loadGolden('llama');
    const controller = new AbortController();
    const { result, losses, output } = await train(golden, asGolden(golden), {
      signal: controller.signal,
      onEvent: (event) => {
        if (event.kind === 'stepped' && event.metrics.step === 3) controller.abort();
      },
    });
    expect(result).toMatchObject({ interrupted: true, steps: 3 });
    expect(losses).toHaveLength(3);
    expect(await readdir(output)).toContain('adapter_model.safetensors');
  });

  it('leaves nothing behind when it is interrupted before the first step', async () => {
    const golden = await loadGolden('llama');
    await expect(train(golden, {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    expect(await readdir(folder)).toEqual(['rows.jsonl']);
  });

  it('leaves nothing behind when the weights run away', async () => {
    const golden = await loadGolden('llama');
    const away = train(golden, { ...asGolden(golden), learningRate: 1e30 });
    await expect(away).rejects.toMatchObject({ code: 'TRAINING_DIVERGED', details: { step: 1, learningRate: 1e30 } });
    expect(await readdir(folder)).toEqual(['rows.jsonl']);
  });

  it.each([1e10, 1e4])(
    'ends with an error when every number stays finite and means nothing: %d',
    async (learningRate) => {
      const golden = await loadGolden('llama');
      const away = train(golden, { ...asGolden(golden), maxSteps: 40, learningRate, optimizer: 'adamw' });
      await expect(away).rejects.toMatchObject({ code: 'TRAINING_DIVERGED' });
    },
  );

  it('tells a second training to the same output at its beginning', async () => {
    const golden = await loadGolden('llama');
    const output = join(folder, 'one');
    let second: Promise<unknown> | undefined;
    await train(
      golden,
      { ...asGolden(golden), output, maxSteps: 2 },
      {
        onEvent: ({ kind }) => {
          if (kind === 'planned')
            second = train(golden, { ...asGolden(golden), output }).catch((error: unknown) => error);
        },
      },
    );
    expect(await second).toMatchObject({ code: 'OUTPUT_BUSY', details: { path: output, pid: process.pid } });
  });

  it('trains on when a line of the metrics cannot be written, and saves all of it in another place', async () => {
    const golden = await loadGolden('llama');
    const warnings: string[] = [];
    const openMetrics: OpenMetricsFile = async () => ({
      write: () => Promise.reject(Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' })),
      sync: async () => undefined,
      close: async () => undefined,
    });
    const rescueFolder = join(folder, 'rescue');
    const onEvent = (event: TrainEvent): void => void (event.kind === 'warned' && warnings.push(event.message));
    const trained = train(golden, { ...asGolden(golden), maxSteps: 3, rescueFolder }, { openMetrics, onEvent });
    await expect(trained).rejects.toMatchObject({ code: 'OUTPUT_RESCUED' });
    expect(warnings).toEqual([expect.stringContaining('The training goes on')]);
    const [name = ''] = await readdir(rescueFolder);
    expect(await readdir(join(rescueFolder, name))).toContain('adapter_model.safetensors');
    const lines = (await readFile(join(rescueFolder, name, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(3);
    expect((await readdir(folder)).sort()).toEqual(['rescue', 'rows.jsonl']);
  });

  it('names the adapters that cannot learn', async () => {
    const golden = await loadGolden('llama');
    // A row of one token with one to predict: attention to a single position is the same whatever queries and keys are.
    const rows = '{"input_ids": [5, 7]}\n';
    const stuck = train({ ...golden, rows }, { targetModules: 'q_proj', maxSteps: 5 });
    await expect(stuck).rejects.toMatchObject({
      code: 'TRAIN_STUCK',
      details: { names: expect.arrayContaining(['model.layers.0.self_attn.q_proj.lora_B']) },
    });
  });

  it('refuses an output that exists before it reads anything else', async () => {
    const golden = await loadGolden('llama');
    const taken = train({ ...golden, base: join(folder, 'no-such-base') }, { output: folder });
    await expect(taken).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  });

  it('refuses rows longer than the model allows', async () => {
    const golden = await loadGolden('llama');
    await expect(train(golden, { maxLength: 129 })).rejects.toThrow('maxLength expects at most 128');
  });

  it('measures held-out rows as often as asked for, and writes it beside the steps', async () => {
    const golden = await loadGolden('llama');
    const evaluated: number[] = [];
    const { output, result } = await train(
      golden,
      { ...asGolden(golden), maxSteps: 5, evalData: join(folder, 'rows.jsonl'), evalSteps: 2 },
      { onEvent: (event) => void (event.kind === 'evaluated' && evaluated.push(event.step)) },
    );
    expect(evaluated).toEqual([0, 2, 4, 5]);
    const lines = (await readFile(join(output, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const [, second, third] = lines.map((line) => JSON.parse(line) as { loss: number; evalLoss?: number });
    // The rows are those of the training, so that their loss after a step is that step's successor's.
    expect(second?.evalLoss).toBeCloseTo(third?.loss ?? NaN, 5);
    expect(result.evalLossAfter).toBeCloseTo(golden.lossTrace[5] ?? NaN, 3);
  });

  it('lets the event loop turn while it trains', async () => {
    const golden = await loadGolden('llama');
    let turns = 0;
    const count = setInterval(() => turns++, 0);
    const perStep: number[] = [];
    const onEvent = (event: TrainEvent): void => {
      if (event.kind === 'stepped') perStep.push(turns);
    };
    await train(golden, asGolden(golden), { onEvent });
    clearInterval(count);
    expect(perStep.at(-1)).toBeGreaterThan(perStep[0] ?? Infinity);
  });

  it('leaves no native handle behind', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});
