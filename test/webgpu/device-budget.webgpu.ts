import { afterEach, describe, expect, it } from 'vitest';
import { assertNothingAlive } from '../../src/engine/testing/assert-nothing-alive.ts';
import { collectIds } from '../../src/engine/testing/collect.ts';
import { openGoldenCase } from '../../src/engine/testing/golden-case.ts';
import { createRandomAdapter } from '../../src/engine/testing/random-adapter.ts';
import { openServedEngine, type ServedEngine } from '../../src/engine/testing/served-engine.ts';
import { liveHandles } from '../../src/native/index.ts';
import { deviceHeld, openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { onWebGpu } from './cases.ts';

const kibibyte = 1024;

let environment: Environment | undefined;
function openWith(deviceMemory: number): Environment {
  environment = openEnvironment({ ...onWebGpu, deviceMemory });
  return environment;
}
afterEach(() => {
  environment?.dispose();
  assertNothingAlive();
});

async function openCase() {
  const { base, prompt, greedy } = await openGoldenCase('llama');
  const linears = base.modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
  const adapter = (rank: number, seed = 1) => createRandomAdapter({ linears, rank, seed });
  const ask = (engine: ServedEngine, names: readonly string[] = []) => {
    const adapters = names.map((name) => ({ name }));
    return collectIds(engine.generate({ tokens: prompt, maxTokens: 4, stopTokenIds: [], adapters }));
  };
  return { base, adapter, ask, expected: greedy.base.slice(0, 4) };
}

describe('a limit of what may be held on a device', () => {
  it('is kept by an engine whose slots and ranks nobody asked for, when all of them are used', async () => {
    const { base, adapter, ask, expected } = await openCase();
    const limit = 2048 * kibibyte;
    await using engine = await openServedEngine({ base, environment: openWith(limit), maxLength: 32 });
    const { slots, arena } = engine.engine.load();
    const rows = arena?.rows ?? 0;
    expect(slots).toBeGreaterThan(1);
    expect(rows).toBeGreaterThan(8);
    const rank = Math.floor(rows / 2);
    await engine.adapters.load('first', adapter(rank));
    await engine.adapters.load('second', adapter(rank, 2));
    const asked = Array.from({ length: slots }, (_, i) => ask(engine, [i % 2 === 0 ? 'first' : 'second']));
    await Promise.all([...asked, ask(engine)]);
    const { total } = deviceHeld();
    expect(await ask(engine)).toEqual(expected);
    expect(total).toBeLessThanOrEqual(limit);
    // It is no bound that is kept because little is used.
    expect(total).toBeGreaterThan(limit / 3);
  });

  it('refuses an adapter that would exceed it, and the service goes on', async () => {
    const { base, adapter, ask, expected } = await openCase();
    const limit = 1024 * kibibyte;
    await using engine = await openServedEngine({ base, environment: openWith(limit), maxSlots: 2, maxLength: 32 });
    const rows = engine.engine.load().arena?.rows ?? 0;
    await engine.adapters.load('fitting', adapter(Math.min(rows, 256)));
    await expect(engine.adapters.load('larger', adapter(rows + 1))).rejects.toMatchObject({ code: 'ADAPTER_CAPACITY' });
    const [alone] = await Promise.all([ask(engine), ask(engine, ['fitting'])]);
    expect(alone).toEqual(expected);
  });

  it('refuses what was asked for with numbers, before anything is opened', async () => {
    const { base } = await openCase();
    const place = { base, environment: openWith(512 * kibibyte) };
    const before = liveHandles();
    await expect(openServedEngine({ ...place, maxSlots: 16, maxLength: 128, kvMemory: 2 ** 30 })).rejects.toMatchObject(
      {
        code: 'DEVICE_MEMORY',
        details: { held: 0, what: expect.stringMatching(/^weights \(\d+\), keys and values of 16 requests at once/) },
        message: expect.stringContaining(`deviceMemory is ${512 * kibibyte} bytes`),
      },
    );
    expect([deviceHeld().total, liveHandles()]).toEqual([0, before]);
  });

  it('refuses a second base beside the first, which goes on', async () => {
    const { base, ask, expected } = await openCase();
    const place = { base, environment: openWith(400 * kibibyte), maxLength: 32, adapterTargets: false } as const;
    await using engine = await openServedEngine({ ...place, maxSlots: 1 });
    const held = deviceHeld();
    await expect(openServedEngine({ ...place, maxSlots: 64, kvMemory: 2 ** 30 })).rejects.toMatchObject({
      code: 'DEVICE_MEMORY',
      details: { held: held.total },
    });
    expect(deviceHeld()).toEqual(held);
    expect(await ask(engine)).toEqual(expected);
  });
});
