import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { assertNothingAlive } from '../../src/engine/testing/assert-nothing-alive.ts';
import { collectIds } from '../../src/engine/testing/collect.ts';
import { openTestBase } from '../../src/engine/testing/golden-case.ts';
import { createRandomAdapter } from '../../src/engine/testing/random-adapter.ts';
import { openServedEngine, type ServedEngine } from '../../src/engine/testing/served-engine.ts';
import type { Adapter } from '../../src/lora/index.ts';
import type { BaseModel } from '../../src/models/index.ts';
import { liveHandles, returnFreedMemory } from '../../src/native/index.ts';
import { pageAllocator } from '../../src/native/pages.ts';
import { deviceHeld, IoBinding, openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { resolveConfig } from '../../src/train/config/resolve-config.ts';
import { runTraining } from '../../src/train/index.ts';
import { loadGolden } from '../../src/train/testing/golden.ts';
import { isShort, onWebGpu } from './cases.ts';

const mebibyte = 2 ** 20;
/** What the process may grow by: buffers that the driver and the allocator keep. */
const bound = 64 * mebibyte;
const cycles = isShort ? 20 : 500;
const brokenCycles = isShort ? 20 : 120;
/** What the process grows by at least where bindings stay: beyond the bound in the long form. */
const leastLeak = isShort ? 8 * mebibyte : bound;
const trainings = isShort ? 2 : 20;
/** Milliseconds. */
const timeout = 60_000 + 10_000 * cycles;
/** Of several sizes, so that each has another window of rows than the one before it: a copy of 1 MB on the device for each binding. */
const ranks = [224, 256, 192, 240];

let environment: Environment;
let base: BaseModel;
let contents: Adapter[];
let folder: string;
beforeAll(async () => {
  environment = openEnvironment(onWebGpu);
  base = await openTestBase('llama');
  const linears = base.modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
  contents = ranks.map((rank, seed) => createRandomAdapter({ linears, rank, seed }));
  folder = await mkdtemp(join(tmpdir(), 'espalier-webgpu-'));
});
afterAll(async () => {
  environment.dispose();
  assertNothingAlive();
  await rm(folder, { recursive: true, force: true });
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/**
 * Bytes of physical memory of this process. The memory of a software driver's device is among them. WHY what was freed is returned first:
 * tests before these have freed more than a leak takes here, and a leak would only fill that again.
 */
async function resident(): Promise<number> {
  collectGarbage();
  await returnFreedMemory();
  return Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * pageAllocator().pageBytes;
}

/** What there is between two uses of an engine. */
function left() {
  return { held: deviceHeld(), alive: liveHandles() };
}

interface Cycle {
  readonly engine: ServedEngine;
  /** The name under which the i-th adapter is loaded. */
  readonly name?: (i: number) => string;
  readonly unload?: (name: string) => Promise<void>;
}

/** Loads, uses and unloads as many adapters as there are contents, or `count`. */
async function loadAndUnload(
  { engine, name = () => 'policy', unload = (known) => engine.adapters.unload(known) }: Cycle,
  count = contents.length,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const weights = contents[i % contents.length];
    if (weights === undefined) throw new RangeError('no content');
    await engine.adapters.load(name(i), { ...weights, digest: `${name(i)}, version ${i}` });
    const adapters = [{ name: name(i) }];
    await collectIds(engine.generate({ tokens: [1, 2, 3], maxTokens: 3, stopTokenIds: [], adapters }));
    await unload(name(i));
    if (i % 100 === 99) process.stdout.write(`${i + 1} of ${count} adapters loaded and unloaded\n`);
  }
}

function open(): Promise<ServedEngine> {
  return openServedEngine({ base, environment, maxSlots: 2, maxLength: 32, adapterRows: 512 });
}

describe(`memory on a device after ${cycles} loads and unloads of adapters`, { timeout }, () => {
  it('is what it was, and so is the memory of the process', async () => {
    const nothing = left();
    const engine = await open();
    // What is kept from the first uses on: bindings, shaders, and buffers of the driver.
    for (let i = 0; i < 3; i++) await loadAndUnload({ engine });
    const [before, began] = [left(), await resident()];
    expect(before.held.inputs).toBeGreaterThan(mebibyte);
    await loadAndUnload({ engine }, cycles);
    expect(left()).toEqual(before);
    const grown = (await resident()) - began;
    process.stdout.write(`held ${JSON.stringify(before.held)}, the process grew by ${Math.round(grown / 1024)} KiB\n`);
    expect(grown).toBeLessThan(bound);
    await engine.dispose();
    expect(left()).toEqual(nothing);
  });

  it('is seen to grow where bindings are not given back', async () => {
    await using engine = await open();
    for (let i = 0; i < 3; i++) await loadAndUnload({ engine });
    const [before, began] = [left(), await resident()];
    const kept: IoBinding[] = [];
    const dispose = vi.spyOn(IoBinding.prototype, 'dispose').mockImplementation(function keep(this: IoBinding) {
      kept.push(this);
    });
    await loadAndUnload({ engine }, brokenCycles);
    dispose.mockRestore();
    const [after, grown] = [left(), (await resident()) - began];
    // WHY before the checks: what stays keeps the environment open, and every file after this one would fail.
    for (const binding of kept) binding.dispose();
    process.stdout.write(`with bindings that stay it grew by ${Math.round(grown / 1024)} KiB\n`);
    expect(after.held.inputs - before.held.inputs).toBeGreaterThan(0.7 * brokenCycles * mebibyte);
    expect(grown).toBeGreaterThan(leastLeak);
  });

  it('and what is alive is seen to grow where nothing is unloaded', async () => {
    await using engine = await open();
    await loadAndUnload({ engine });
    const before = left();
    await loadAndUnload({ engine, name: (i) => `policy ${i}`, unload: async () => undefined });
    expect(left().alive['memory']).toBeGreaterThan(before.alive['memory'] ?? 0);
  });
});

describe(`memory on a device after ${trainings} trainings`, { timeout }, () => {
  it('is what it was', async () => {
    const golden = await loadGolden('llama');
    const data = join(folder, 'rows.jsonl');
    await writeFile(data, golden.rows);
    const train = async (output: string): Promise<void> => {
      const flags = { base: golden.base, data, output: join(folder, output), maxSteps: 2 };
      await runTraining(resolveConfig({ flags }), { environment });
    };
    const nothing = left();
    for (let i = 0; i < 2; i++) await train(`first ${i}`);
    expect(left()).toEqual(nothing);
    const began = await resident();
    for (let i = 0; i < trainings; i++) await train(`output ${i}`);
    expect(left()).toEqual(nothing);
    const grown = (await resident()) - began;
    process.stdout.write(`after ${trainings} trainings the process grew by ${Math.round(grown / 1024)} KiB\n`);
    expect(grown).toBeLessThan(bound);
  });
});
