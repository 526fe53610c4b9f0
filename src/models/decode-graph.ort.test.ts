import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../core/testing/cross-section.ts';

import { liveHandles } from '../native/index.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import type { BaseModel } from './base-model.ts';
import { openBaseModel } from './open-base-model.ts';
import { createRandomBase, type RandomBaseOptions } from './create-random-base.ts';
import type { RandomBaseConfig } from './random-base-config.ts';
import { DecodeDriver } from './testing/decode-driver.ts';
import { goldenDir, tinyConfig, withTempDir } from './testing/fixtures.ts';
import { goldenCases } from './testing/golden-cases.ts';
import { maxDifference } from './testing/golden.ts';
import { scoreRows } from './testing/scoring-driver.ts';

const maxLength = 40;

const vocabulary = 48;

/** A prompt, cut into chunks, and a continuation. */
interface Row {
  readonly chunks: readonly (readonly number[])[];
  readonly continuation: readonly number[];
}

/** Rows of tokens below `vocabulary`. */
const requests = fc.array(
  fc.record({
    chunks: fc.array(fc.array(fc.nat(vocabulary - 1), { minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 3 }),
    continuation: fc.array(fc.nat(vocabulary - 1), { minLength: 4, maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 4 },
);

const variants: [string, Partial<RandomBaseConfig>, Partial<RandomBaseOptions>][] = [
  ['rotary inside the attention (head size 16)', {}, {}],
  ['rotary outside the attention (head size 8)', { headDim: 8 }, {}],
  ['rotary outside the attention (head size 24)', { headDim: 24 }, {}],
  ['one key head for all', { kvHeads: 1 }, {}],
  ['a key head for each', { kvHeads: 4 }, {}],
  ['biases and a tied head', { attentionBias: true, mlpBias: true, tiedEmbeddings: true }, {}],
  ['bf16 weights in shards', { tiedEmbeddings: true }, { dtype: 'bfloat16', maxFileBytes: 20_000 }],
  ['f16 weights', {}, { dtype: 'float16' }],
];

/** Cases where what a token sees depends on where it stands: windows, learned positions, and layers without any. */
const placed = goldenCases.filter((name) =>
  /window|gemma|smollm|gpt2-inner|cohere2|falcon-rw|lfm2|qwen3-(5$|next)|granite-hybrid$|ministral3|opt-350m/.test(
    name,
  ),
);

describe.each(crossSection(placed, 3))('the decode graph of the golden case %s', (name) => {
  it('gives what the scoring graph gives, whatever the lengths of the rows and the chunks of their prompts', async () => {
    using environment = openEnvironment({ threads: 1 });
    const base = await openBaseModel(goldenDir(name, 'model'));
    const known = (tokens: readonly number[]): number[] => tokens.map((token) => token % base.config.vocabSize);
    const property = fc.asyncProperty(requests, async (rows) => {
      const small = rows.map(({ chunks, continuation }) => ({
        chunks: chunks.map(known),
        continuation: known(continuation),
      }));
      expect(await differenceFromScoring(small, { base, environment })).toBeLessThan(1e-4);
    });
    await fc.assert(property, { numRuns: 2, seed: 5 });
  });
});

describe.each(crossSection(variants, 2))('the decode graph with %s', (_, changes, options) => {
  let environment: Environment;
  beforeAll(() => {
    environment = openEnvironment({ threads: 2 });
  });
  afterAll(() => environment.dispose());

  const withBase = (use: (base: BaseModel) => Promise<void>): Promise<void> =>
    withTempDir(async (dir) => {
      await createRandomBase({ config: { ...tinyConfig, ...changes }, dir: join(dir, 'base'), seed: 11, ...options });
      await use(await openBaseModel(join(dir, 'base')));
    });

  it('gives what the scoring graph gives, whatever the lengths of the rows and the chunks of their prompts', () =>
    withBase(async (base) => {
      const property = fc.asyncProperty(requests, async (rows) => {
        expect(await differenceFromScoring(rows, { base, environment })).toBeLessThan(1e-4);
      });
      await fc.assert(property, { numRuns: 8 });
    }));
});

/** How far the decode graph's logits are from those of the scoring graph at most, over prompts in chunks and steps of the batch. */
async function differenceFromScoring(
  rows: readonly Row[],
  { base, environment }: { readonly base: BaseModel; readonly environment: Environment },
): Promise<number> {
  const vocab = base.config.vocabSize;
  const whole = rows.map(({ chunks, continuation }) => [...chunks.flat(), ...continuation]);
  const expected = await scoreRows({ base, environment }, whole);
  using driver = await DecodeDriver.open(base, environment, { slots: rows.length, maxLength });
  const logits: number[][] = rows.map(() => []);
  for (const [slot, { chunks }] of rows.entries()) {
    for (const chunk of chunks) logits[slot]?.push(...(await driver.prefill(slot, chunk)));
  }
  for (let i = 0; i < 4; i++) {
    const step = await driver.step(rows.map(({ continuation }) => continuation[i] ?? 0));
    rows.forEach((_, slot) => logits[slot]?.push(...step.subarray(slot * vocab, (slot + 1) * vocab)));
  }
  return Math.max(...rows.map((_, slot) => maxDifference(logits[slot] ?? [], expected[slot] ?? [])));
}

describe('the decode graph', () => {
  it('writes new keys and values behind the old ones, and touches nothing else', () =>
    withTempDir(async (dir) => {
      using environment = openEnvironment({ threads: 1 });
      await createRandomBase({ config: tinyConfig, dir: join(dir, 'base'), seed: 11 });
      const base = await openBaseModel(join(dir, 'base'));
      using driver = await DecodeDriver.open(base, environment, { slots: 2, maxLength });
      for (const memory of driver.cache) memory.float32().fill(7);
      await driver.prefill(0, [1, 2, 3]);
      await driver.prefill(1, [4, 5, 6, 7, 8]);
      const before = driver.cache.map((memory) => memory.float32().slice());
      await driver.step([9, 10]);
      driver.cache.forEach((memory, index) => {
        const [rowSize, headSize] = [2 * maxLength * 16, maxLength * 16];
        const changed = new Set<string>();
        memory.float32().forEach((value, at) => {
          if (value === before[index]?.[at]) return;
          changed.add(`row ${Math.floor(at / rowSize)} position ${Math.floor((at % headSize) / 16)}`);
        });
        expect([...changed].sort()).toEqual(['row 0 position 3', 'row 1 position 5']);
      });
    }));

  it('gives every native handle back', () => {
    expect(liveHandles()).toEqual({});
  });
});
