import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OpenCheckpoint, listCheckpoints } from '../../checkpoint/index.ts';
import { groupHere } from '../../collectives/testing/group-here.ts';
import { EspalierError } from '../../core/index.ts';
import { liveHandles, NativeMemory } from '../../native/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { trainingStateOf } from '../checkpoint/training-state.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import { ownPasses } from '../graph/own-passes.ts';
import type { FlatPasses } from '../graph/passes.ts';
import { readTrainingInputs, runTraining, StepLoop, TrainingModel } from '../index.ts';
import { loadGolden } from '../testing/golden.ts';
import { isToBeHeld, mostHeld, remarkOnHost, type HeldWish } from './open-held.ts';

let environment: Environment;
let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-open-held-'));
  environment = openEnvironment({ threads: 1 });
  data = join(folder, 'rows.jsonl');
  const rows = Array.from({ length: 7 }, (_, row) =>
    JSON.stringify({ input_ids: Array.from({ length: 4 + 2 * row }, (__, i) => 3 + ((7 * row + 5 * i) % 40)) }),
  );
  await writeFile(data, `${rows.join('\n')}\n`);
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
});

type Flags = Readonly<Record<string, unknown>>;
const common = {
  rank: 2,
  batchSize: 2,
  accumulate: 2,
  seed: 3,
  maxSteps: 6,
  learningRate: 1e-2,
  targetModules: 'q_proj',
};

describe('the rule of what is kept beside the graph', () => {
  const wish: HeldWish = { provider: 'webgpu', isAlone: true, optimizerDtype: 'float32', length: mostHeld };

  it.each<[boolean, Partial<HeldWish>]>([
    [true, {}],
    [false, { held: false }],
    [false, { provider: 'cpu' }],
    [false, { provider: 'cuda' }],
    [true, { provider: 'cpu', held: true }],
    [false, { isAlone: false, held: true }],
    [false, { optimizerDtype: 'float64', held: true }],
    [false, { length: mostHeld + 1, held: true }],
  ])('says %s of %o', (expected, other) => {
    expect(isToBeHeld({ ...wish, ...other })).toBe(expected);
  });

  it('is remarked on where the device does not follow it', () => {
    const at = (isHeld: boolean, trouble?: string) => ({ isHeld, trouble });
    expect(remarkOnHost(at(true), true)).toBeUndefined();
    expect(remarkOnHost(at(false), false)).toBeUndefined();
    expect(remarkOnHost(at(false, 'no room'), false)).toMatch(/stay on the host.*\(no room\)\.$/);
    expect(remarkOnHost(at(false, 'no room'), true)).toMatch(/\(no room\)\..*other bits/);
    expect(remarkOnHost(at(false), true)).toMatch(/stay on the host.*other bits/);
  });
});

interface Taken {
  readonly isHeld: boolean;
  readonly trouble: string | undefined;
  readonly losses: readonly number[];
  readonly weights: Float32Array;
}

/** Takes steps with passes that were changed. */
async function take(flags: Flags, held: boolean, change?: (passes: FlatPasses) => void): Promise<Taken> {
  const { base } = await loadGolden('llama');
  const config = resolveConfig({ flags: { base, data, output: '-', ...common, ...flags } });
  await using inputs = await readTrainingInputs(config, {});
  const passes = await ownPasses(inputs);
  const openFlatTraining: typeof passes.openFlatTraining = async (layout, bound) => {
    if (passes.openFlatTraining === undefined) throw new Error('these passes have it');
    const session = await passes.openFlatTraining(layout, bound);
    change?.(session);
    return session;
  };
  using model = await TrainingModel.open(inputs, { passes: { ...passes, openFlatTraining } });
  using loop = await StepLoop.open(inputs, model, { environment, held });
  const losses: number[] = [];
  for await (const { loss } of loop.steps()) if (losses.push(loss) === 3) break;
  const { isHeld, trouble } = loop;
  return { isHeld, trouble, losses, weights: (await model.read()).flat.slice() };
}

describe('a training that is to be kept beside its graph', () => {
  it('is kept on the host where there is no room, with the bits of one that was there from the start', async () => {
    const before = liveHandles();
    let allocated = 0;
    const without = (room: number) => (passes: FlatPasses) => {
      const { allocate } = passes;
      passes.allocate = (bytes, what) => {
        allocated += 1;
        if (allocated <= room) return allocate.call(passes, bytes, what);
        throw new EspalierError('DEVICE_MEMORY', { what, bytes, held: 0, reason: 'none is left' });
      };
    };
    const host = await take({}, false);
    // Parameters, two moments, each twice; gradients, those of a second pass, and their sum.
    for (const room of [0, 1, 5, 6, 7, 8]) {
      allocated = 0;
      const taken = await take({}, true, without(room));
      expect(taken).toEqual({ ...host, trouble: expect.stringContaining('none is left') as string });
    }
    allocated = 0;
    expect(await take({}, true, without(9))).toMatchObject({ isHeld: true, trouble: undefined });
    expect(liveHandles()).toEqual(before);
  });

  it.each([true, false])('leaves nothing behind where it cannot begin, kept there: %o', async (held) => {
    const { base } = await loadGolden('llama');
    await using inputs = await readTrainingInputs(resolveConfig({ flags: { base, data, output: '-', ...common } }), {});
    using model = await TrainingModel.open(inputs);
    const before = liveHandles();
    const seen: boolean[] = [];
    const hold = model.hold.bind(model);
    model.hold = (own) => {
      hold(own);
      if (seen.push(own !== undefined) === 1) throw new Error('stopped here');
    };
    await expect(StepLoop.open(inputs, model, { environment, held })).rejects.toThrow('stopped here');
    expect(seen).toEqual([held, false]);
    expect(liveHandles()).toEqual(before);
  });

  it('is kept on the host where the device does not read what was written', async () => {
    let one: NativeMemory | undefined;
    const taken = await take({}, true, (passes) => {
      // One memory for everything: the moments are written over the parameters.
      passes.allocate = async (bytes) => (one ??= NativeMemory.allocate(bytes));
    });
    const reason = /computes 0 as their norm, and the host \d/;
    expect(taken).toEqual({ ...(await take({}, false)), trouble: expect.stringMatching(reason) as string });
  });

  it('is kept on the host with a state in f64', async () => {
    const flags = { optimizerDtype: 'float64' };
    expect(await take(flags, true)).toEqual({ ...(await take(flags, false)), isHeld: false, trouble: undefined });
  });

  it('is kept on the host where the passes of several trainings are computed together', async () => {
    const { base } = await loadGolden('llama');
    await using inputs = await readTrainingInputs(resolveConfig({ flags: { base, data, output: '-', ...common } }), {});
    const { parameters, openTraining, openEvaluation } = await ownPasses(inputs);
    using model = await TrainingModel.open(inputs, { passes: { parameters, openTraining, openEvaluation } });
    using loop = await StepLoop.open(inputs, model, { environment, held: true });
    expect([loop.isHeld, loop.trouble]).toEqual([false, undefined]);
  });

  it('is kept on the host where passes tell what they have written', async () => {
    const { base } = await loadGolden('llama');
    await using inputs = await readTrainingInputs(resolveConfig({ flags: { base, data, output: '-', ...common } }), {});
    expect((await ownPasses(inputs)).openFlatTraining).toBeDefined();
    expect((await ownPasses(inputs, { marks: {} })).openFlatTraining).toBeUndefined();
  });
});

interface Ran {
  readonly weights: string;
  readonly losses: readonly number[];
  /** What the newest checkpoint says, if there is one. */
  readonly held: boolean | undefined;
}

interface Running {
  readonly held?: boolean;
  readonly ranks?: number;
  readonly flags?: Flags;
  readonly stopAfter?: number;
}

/** Trains by as many processes as are asked for. */
async function train(name: string, { held, ranks = 1, flags = {}, stopAfter }: Running): Promise<Ran> {
  const { base } = await loadGolden('llama');
  const output = join(folder, name);
  const config = resolveConfig({ flags: { base, data, output, ...common, saveSteps: 2, ...flags } });
  const groups = ranks === 1 ? [undefined] : await groupHere(ranks);
  const controller = new AbortController();
  await Promise.all(
    groups.map((group) =>
      runTraining(config, {
        environment,
        signal: controller.signal,
        onEvent: (event) => {
          if (event.kind === 'stepped' && event.metrics.step === stopAfter) controller.abort();
        },
        ...(held !== undefined && { held }),
        ...(group && { group }),
      }),
    ),
  );
  await Promise.all(groups.flatMap((group) => (group ? [group.close()] : [])));
  const [newest] = await listCheckpoints(`${output}.checkpoints`);
  const metrics = await readFile(join(output, 'metrics.jsonl'), 'utf8');
  return {
    weights: await readFile(join(output, 'adapter_model.safetensors'), 'base64'),
    losses: [...metrics.matchAll(/"loss":([\d.]+)/g)].map(([, loss]) => Number(loss)),
    held: newest && trainingStateOf(await OpenCheckpoint.open(newest.path)).held,
  };
}

describe('where a training keeps its parameters', () => {
  it('is the host where several processes train together, whatever is asked for', async () => {
    const asked = await train('two-asked', { held: true, ranks: 2 });
    expect(asked).toEqual(await train('two-not', { held: false, ranks: 2 }));
    expect(asked.held).toBe(false);
    expect(asked.losses).toHaveLength(6);
  });

  it.each([
    ['beside the graph', true],
    ['on the host', false],
  ])('stays %s when it is gone on with, whatever is asked for', async (_, held) => {
    const whole = await train(`whole-${held}`, { held });
    expect(whole.held).toBe(held);
    // WHY after 5: nothing but the checkpoint asks for what that step has made.
    expect((await train(`part-${held}`, { held, stopAfter: 5 })).losses).toHaveLength(5);
    expect(await train(`part-${held}`, { held: !held, flags: { resume: true } })).toEqual(whole);
  });

  it('makes a difference of rounding alone', async () => {
    const [held, host] = [await train('held', { held: true }), await train('host', { held: false })];
    expect(held.weights).not.toBe(host.weights);
    for (const [i, loss] of held.losses.entries()) expect(loss).toBeCloseTo(host.losses[i] ?? NaN, 4);
  });
});
