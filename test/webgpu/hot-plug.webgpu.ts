import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/index.ts';
import { EngineArena } from '../../src/engine/adapters/engine-arena.ts';
import { assertNothingAlive } from '../../src/engine/testing/assert-nothing-alive.ts';
import { collectIds } from '../../src/engine/testing/collect.ts';
import { openTestBase } from '../../src/engine/testing/golden-case.ts';
import { createRandomAdapter } from '../../src/engine/testing/random-adapter.ts';
import { openServedEngine, type ServedEngine } from '../../src/engine/testing/served-engine.ts';
import type { Adapter } from '../../src/lora/index.ts';
import type { BaseModel } from '../../src/models/index.ts';
import { openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { isShort, onWebGpu } from './cases.ts';

const [swaps, clients] = isShort ? [20, 4] : [1000, 16];
const brokenSwaps = isShort ? 40 : 100;
/** Milliseconds. A software driver takes about a second for each replacement, and more beside other work. */
const timeout = 10_000 * Math.max(swaps, brokenSwaps);
const variants = 3;
const longest = 17;
const prompt = Array.from({ length: 4 }, (_, i) => createRandom(i, 'prompt').integer(128));

let environment: Environment;
let base: BaseModel;
let contents: Adapter[];
/** The longest answer by each content, alone. */
const expected: number[][] = [];

beforeAll(async () => {
  environment = openEnvironment(onWebGpu);
  base = await openTestBase('llama');
  const linears = base.modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
  contents = Array.from({ length: variants }, (_, i) => createRandomAdapter({ linears, rank: 4 + i, seed: i }));
  await using engine = await open();
  for (const weights of contents) {
    await engine.adapters.load('policy', weights);
    expected.push(await collectIds(ask(engine, longest)));
    await engine.adapters.unload('policy');
  }
});
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

function open(): Promise<ServedEngine> {
  // WHY so few rows: each version is written over one that was there before.
  return openServedEngine({ base, environment, maxSlots: clients, maxLength: 32, adapterRows: 14 });
}

function ask(engine: ServedEngine, maxTokens: number) {
  return engine.generate({ tokens: prompt, maxTokens, stopTokenIds: [], adapters: [{ name: 'policy' }] });
}

function versionOf(place: number): Adapter {
  const content = place % variants;
  const weights = contents[content];
  if (weights === undefined) throw new RangeError(`No content ${content}`);
  return { ...weights, digest: `${content}:${place}` };
}

/** Clients that ask again and again while the name is replaced. */
async function replaceUnderLoad(engine: ServedEngine, count: number) {
  const outcome = { answers: 0, mixed: 0, overtaken: 0 };
  let [tokens, isReplacing] = [0, true];
  let [enough, wake] = [0, (): void => undefined];
  const client = async (_: unknown, place: number): Promise<void> => {
    for (let turn = 0; isReplacing; turn++) {
      // WHY of many lengths: streams that begin and end together never share a batch with another version.
      const maxTokens = 5 + ((5 * turn + 3 * place) % (longest - 4));
      const stream = ask(engine, maxTokens);
      const version = stream.adapters[0]?.version ?? '';
      const ids: number[] = [];
      for await (const { token } of stream) {
        ids.push(token);
        if (++tokens >= enough) wake();
      }
      outcome.answers++;
      const whole = expected[Number(version.split(':')[0])] ?? [];
      if (String(ids) !== String(whole.slice(0, maxTokens))) outcome.mixed++;
      if (engine.adapters.list()[0]?.version !== version) outcome.overtaken++;
    }
  };
  const asking = Array.from({ length: clients }, client);
  for (let place = 1; place <= count; place++) {
    await engine.adapters.replace('policy', versionOf(place));
    // About one step of the batch between two replacements.
    enough = tokens + clients;
    await new Promise<void>((resolve) => (wake = resolve));
    if (!isShort && place % 50 === 0)
      process.stdout.write(`${place} of ${count} replacements, ${JSON.stringify(outcome)}\n`);
  }
  isReplacing = false;
  await Promise.all(asking);
  return outcome;
}

describe(`${swaps} replacements of an adapter under ${clients} streams on WebGPU`, { timeout }, () => {
  it('stand on versions whose answers all differ', () => {
    expect(new Set(expected.map((ids) => String(ids.slice(0, 5)))).size).toBe(variants);
  });

  it('mix no answer', async () => {
    await using engine = await open();
    await engine.adapters.load('policy', versionOf(0));
    const outcome = await replaceUnderLoad(engine, swaps);
    process.stdout.write(`${swaps} replacements: ${JSON.stringify(outcome)}\n`);
    expect(outcome.mixed).toBe(0);
    // It says nothing unless answers really lived through replacements.
    expect(outcome.overtaken).toBeGreaterThan(clients);
    expect(engine.adapters.versions()).toHaveLength(1);
    expect(engine.stats().requests).toMatchObject({ failed: 0, cancelled: 0 });
  });

  it('are seen to mix answers when leases are ignored', async () => {
    await using engine = await open();
    await engine.adapters.load('policy', versionOf(0));
    const { arena } = engine.engine;
    if (!(arena instanceof EngineArena)) throw new TypeError('No arena');
    const activate = arena.activate.bind(arena);
    arena.activate = async (claim) => {
      await activate(claim);
      arena.release(claim);
    };
    const outcome = await replaceUnderLoad(engine, brokenSwaps);
    process.stdout.write(`${brokenSwaps} replacements without leases: ${JSON.stringify(outcome)}\n`);
    expect(outcome.mixed).toBeGreaterThan(0);
  });
});
