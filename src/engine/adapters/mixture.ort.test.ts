import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Adapter } from '../../lora/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, typedArray } from '../../tensor/index.ts';
import type { GeneratedToken } from '../sequence/generation-request.ts';
import { largestDifference, requestOf } from '../testing/arrivals.ts';
import { assertNothingAlive } from '../testing/assert-nothing-alive.ts';
import { collect } from '../testing/collect.ts';
import { openTestBase } from '../testing/golden-case.ts';
import { createRandomAdapter } from '../testing/random-adapter.ts';
import { openServedEngine, type ServedEngine } from '../testing/served-engine.ts';

/** Whole rows of log-probabilities are compared. */
const tolerance = 1e-4;
const scales = [0.5, -0.25] as const;

let environment: Environment;
let engine: ServedEngine;

beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  const base = await openTestBase('llama-d16');
  engine = await openServedEngine({ base, environment, maxSlots: 4, prefillChunk: 16, adapterRows: 64 });
  const linears = base.modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
  const parts = [4, 8].map((rank) => createRandomAdapter({ linears, rank, seed: rank }));
  const [first, second] = parts;
  if (first === undefined || second === undefined) throw new Error('no adapters');
  await engine.adapters.load('first', first);
  await engine.adapters.load('second', second);
  await engine.adapters.load('cat', concatenated(first, second));
});

afterAll(async () => {
  await engine.dispose();
  environment.dispose();
  assertNothingAlive();
});

/**
 * The adapter that PEFT's `add_weighted_adapter` makes with `combination_type="cat"`, by hand: the A of both on top of each other, each
 * times its weight and its own scaling, the B of both side by side, and a scaling of 1. Its update is the sum of theirs.
 */
function concatenated(first: Adapter, second: Adapter): Adapter {
  const modules = Array.from(first.modules, ([path, one]) => {
    const other = second.modules.get(path);
    if (other === undefined) throw new Error(`no ${path}`);
    const both = [one, other];
    const [width = 0, out = 0] = [one.a.shape[1], one.b.shape[0]];
    const rank = one.rank + other.rank;
    const a = both.flatMap((each, at) =>
      Array.from(numbersOf(each.a), (value) => value * each.scaling * (scales[at] ?? 0)),
    );
    const b = Array.from({ length: out }, (_, row) =>
      both.flatMap((each) => Array.from(numbersOf(each.b).subarray(row * each.rank, (row + 1) * each.rank))),
    ).flat();
    const weights = {
      rank,
      scaling: 1,
      a: tensorOf('float32', [rank, width], Float32Array.from(a)),
      b: tensorOf('float32', [out, rank], Float32Array.from(b)),
    };
    return [path, weights] as const;
  });
  const rank = 12;
  return { ...first, config: { ...first.config, rank, alpha: rank }, modules: new Map(modules), digest: 'cat' };
}

function numbersOf(tensor: Parameters<typeof typedArray>[0]): Float32Array {
  const values = typedArray(tensor);
  if (!(values instanceof Float32Array)) throw new TypeError('no floats');
  return values;
}

interface Used {
  readonly name: string;
  readonly scale?: number;
}

function answerOf(adapters: readonly Used[]): Promise<GeneratedToken[]> {
  const row = { adapters: adapters.map(({ name, scale = 1 }) => ({ name, scale })), promptLength: 21, promptSeed: 1 };
  return collect(engine.generate(requestOf({ ...row, maxTokens: 6, turns: 0 })));
}

describe('a mixture of adapters on one request', () => {
  const mixture = [
    { name: 'first', scale: scales[0] },
    { name: 'second', scale: scales[1] },
  ];

  it("adds up their scaled updates, as PEFT's weighted adapter of the kind cat does", async () => {
    const [mixed, merged] = [await answerOf(mixture), await answerOf([{ name: 'cat' }])];
    expect(mixed.map(({ token }) => token)).toEqual(merged.map(({ token }) => token));
    expect(largestDifference(mixed, merged)).toBeLessThan(tolerance);
  });

  it('is another answer than that of its parts, of other scales and of the base', async () => {
    const mixed = await answerOf(mixture);
    const others = [[], [{ name: 'first' }], [{ name: 'second' }], [{ name: 'first' }, { name: 'second' }]];
    for (const other of others)
      expect(largestDifference(await answerOf(other), mixed)).toBeGreaterThan(100 * tolerance);
  });

  it('is the same beside others in a batch', async () => {
    const alone = await answerOf(mixture);
    const together = await Promise.all([answerOf(mixture), answerOf([{ name: 'first' }]), answerOf([])]);
    expect(largestDifference(together[0] ?? [], alone)).toBeLessThan(tolerance);
  });
});
