import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBaseModel, type BaseModel } from '../../models/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { quantizeBase } from '../../quantize/index.ts';
import type { GeneratedToken } from '../sequence/generation-request.ts';
import { answersTogether, arrival, largestDifference, loadAdapters, names, requestOf } from '../testing/arrivals.ts';
import { assertNothingAlive } from '../testing/assert-nothing-alive.ts';
import { collect } from '../testing/collect.ts';
import { openTestBase } from '../testing/golden-case.ts';
import { EngineArena } from './engine-arena.ts';
import { openServedEngine, type ServedEngine } from '../testing/served-engine.ts';

let environment: Environment;
let folder: string;
/** Bases whose products round their inputs: one of bytes, and one of blocks, where adapters round the inputs themselves. */
const kinds = {
  int8: { scheme: 'int8', bits: 8 },
  blocks: { scheme: 'blocks', bits: 4 },
} as const;
const bases = new Map<string, BaseModel>();
beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'espalier-bytes-'));
  for (const [name, kind] of Object.entries(kinds)) {
    const settings = { ...kind, blockSize: 16, activations: 'int8', keep: [] } as const;
    await quantizeBase(await openTestBase('llama-d16'), join(folder, name), settings);
    bases.set(name, await openBaseModel(join(folder, name)));
  }
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true });
  assertNothingAlive();
});

async function withEngine<Result>(
  name: string,
  exactAdapters: boolean,
  use: (engine: ServedEngine) => Promise<Result>,
): Promise<Result> {
  const sizes = { maxSlots: 5, prefillChunk: 16, adapterRows: 64 };
  const base = bases.get(name);
  if (base === undefined) throw new RangeError(name);
  const engine = await openServedEngine({ base, environment, exactAdapters, ...sizes });
  try {
    await loadAdapters(engine, base.modules);
    return await use(engine);
  } finally {
    await engine.dispose();
  }
}

const prompt = { promptLength: 9, promptSeed: 1, maxTokens: 3, turns: 0 };

describe.each(Object.keys(kinds))('adapters that are kept as bytes, on a base of %s', (kind) => {
  it('give nearly what the same adapters give as floats on the same base', async () => {
    const answers = (exact: boolean): Promise<GeneratedToken[][]> =>
      withEngine(kind, exact, async (engine) => {
        const found: GeneratedToken[][] = [await collect(engine.generate(requestOf({ ...prompt, adapters: [] })))];
        for (const name of names) {
          found.push(await collect(engine.generate(requestOf({ ...prompt, adapters: [{ name, scale: 1 }] }))));
        }
        return found;
      });
    const [bytes, floats] = [await answers(false), await answers(true)];
    const [baseRow = []] = floats;
    let largest = 0;
    for (const [place, answer] of floats.entries()) {
      // The first token only: after another choice the answers differ by more than rounding.
      const distance = largestDifference(answer.slice(0, 1), (bytes[place] ?? []).slice(0, 1));
      const effect = largestDifference(answer.slice(0, 1), baseRow.slice(0, 1));
      largest = Math.max(largest, distance);
      expect(effect).toBeGreaterThanOrEqual(place === 0 ? 0 : 0.05);
      expect(distance).toBeLessThan(place === 0 ? 1e-6 : 0.1 * effect);
    }
    // They are bytes indeed.
    expect(largest).toBeGreaterThan(1e-5);
  });

  it('are not computed with where no row of a run has one', async () => {
    await withEngine(kind, false, async (engine) => {
      const alone = (): Promise<GeneratedToken[]> =>
        collect(engine.generate(requestOf({ ...prompt, promptSeed: 2, adapters: [] })));
      const before = await alone();
      const { arena } = engine.engine;
      if (!(arena instanceof EngineArena)) throw new TypeError('the engine has no arena');
      // The zeros to which rows without an adapter are bound: whoever multiplies by these spoils the row.
      for (const { loraScale } of arena.stack.modules) loraScale?.float32(0, arena.stack.unit).fill(Number.NaN);
      expect(await alone()).toEqual(before);
    });
  });

  it('give a row of a busy batch what it gets alone', async () => {
    await withEngine(kind, false, async (engine) => {
      const rows = fc.array(arrival, { minLength: 2, maxLength: 8, size: 'max' });
      await fc.assert(
        fc.asyncProperty(rows, async (batch) => {
          const alone: GeneratedToken[][] = [];
          for (const row of batch) alone.push(await collect(engine.generate(requestOf(row))));
          const together = await answersTogether(engine, batch);
          expect(together.map((answer) => answer.map(({ token }) => token))).toEqual(
            alone.map((answer) => answer.map(({ token }) => token)),
          );
          const differences = together.map((answer, place) => largestDifference(answer, alone[place] ?? []));
          expect(Math.max(...differences)).toBeLessThan(1e-4);
        }),
        { numRuns: 5, seed: 4, endOnFailure: true },
      );
    });
  });
});
