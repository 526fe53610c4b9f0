import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { crossSection } from '../core/testing/cross-section.ts';

import type { BaseModel } from '../models/index.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import type { GeneratedToken } from './sequence/generation-request.ts';
import { assertNothingAlive } from './testing/assert-nothing-alive.ts';
import { collect } from './testing/collect.ts';
import { openTestBase } from './testing/golden-case.ts';
import { createRandomAdapter } from './testing/random-adapter.ts';
import { openServedEngine, type ServedEngine } from './testing/served-engine.ts';

/** Whole rows of log-probabilities are compared. */
const tolerance = 1e-4;

const golden = readdirSync(fileURLToPath(new URL('../../test/golden/families', import.meta.url)));

/** Families with experts or with recurrent layers. Those with neither are in `mixed-batch.ort.test.ts`. */
const special = /moe|mixtral|bamba|deepseek|dots1|falcon-h1|gpt-oss|hybrid|lfm2|nemotron-h|qwen3-(5|next)/;
const families = golden.filter((name) => special.test(name));

interface Row {
  readonly adapters: readonly string[];
  /** The length of its prompt. */
  readonly length: number;
}

const rows: readonly Row[] = [
  { adapters: ['narrow'], length: 9 },
  { adapters: [], length: 5 },
  { adapters: ['wide'], length: 7 },
  { adapters: ['wide', 'narrow'], length: 4 },
];

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

it.each(crossSection(families, 4))(
  'gives rows of several adapters in one batch what each gets alone: %s',
  async (name) => {
    const base = await openTestBase(`families/${name}`);
    await using engine = await openMixed(base);
    const answer = (row: Row): Promise<GeneratedToken[]> =>
      collect(
        engine.generate({
          tokens: Array.from(
            { length: row.length },
            (_, at) => 3 + ((7 * at + row.length) % (base.config.vocabSize - 3)),
          ),
          adapters: row.adapters.map((adapter) => ({ name: adapter })),
          maxTokens: 6,
          stopTokenIds: [],
          logprobs: { top: base.config.vocabSize },
        }),
      );
    const alone: GeneratedToken[][] = [];
    for (const row of rows) alone.push(await answer(row));
    const together = await Promise.all(rows.map(answer));
    expect(Math.max(...together.map((tokens, at) => difference(tokens, alone[at] ?? [])))).toBeLessThan(tolerance);
    // Nothing is said unless rows shared steps, and unless the adapters matter.
    expect(Object.keys(engine.stats().batchSizes)).toContain('4');
    const plain = await answer({ adapters: [], length: rows[0]?.length ?? 0 });
    expect(difference(plain, alone[0] ?? [])).toBeGreaterThan(20 * tolerance);
  },
);

it('leaves no family with experts or recurrent layers out', async () => {
  for (const name of golden) {
    const { modules, config } = await openTestBase(`families/${name}`);
    const isSpecial = modules.some(({ kind }) => kind === 'experts') || config.states !== undefined;
    expect([name, families.includes(name)]).toEqual([name, isSpecial]);
  }
});

async function openMixed(base: BaseModel): Promise<ServedEngine> {
  const linears = base.modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
  const engine = await openServedEngine({
    base,
    environment,
    maxSlots: 4,
    maxLength: 16,
    prefillChunk: 16,
    prefixCache: 0,
    adapterRows: 32,
    adapterTargets: linears.map(({ path }) => path),
  });
  const targets = { narrow: linears.filter((_, at) => at % 3 !== 0), wide: linears };
  await engine.adapters.load('narrow', createRandomAdapter({ linears: targets.narrow, rank: 2, seed: 1 }));
  await engine.adapters.load('wide', createRandomAdapter({ linears: targets.wide, rank: 3, seed: 2 }));
  return engine;
}

function difference(a: readonly GeneratedToken[], b: readonly GeneratedToken[]): number {
  let largest = 0;
  for (const [place, { topLogprobs = [] }] of a.entries()) {
    const others = new Map(b[place]?.topLogprobs?.map(({ token, logprob }) => [token, logprob]));
    for (const { token, logprob } of topLogprobs)
      largest = Math.max(largest, Math.abs(logprob - (others.get(token) ?? Number.POSITIVE_INFINITY)));
  }
  return largest;
}
