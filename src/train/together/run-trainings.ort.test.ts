import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import type { NamedRun } from '../config/resolve-runs.ts';
import { runTraining } from '../loop/run-training.ts';
import { relativeDistance, trainedWeights } from '../testing/compare-runs.ts';
import { loadGolden } from '../testing/golden.ts';
import { runTrainings } from './run-trainings.ts';

let environment: Environment;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-together-'));
  environment = openEnvironment({ threads: 1 });
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
});

interface Rows {
  readonly count: number;
  readonly shortest: number;
  readonly seed: number;
}

const textOf = ({ count, shortest, seed }: Rows): string =>
  Array.from({ length: count }, (_, row) => {
    const length = shortest + ((row * 5 + seed) % 7);
    return JSON.stringify({ input_ids: Array.from({ length }, (__, i) => 3 + ((seed * row + 5 * i + row) % 40)) });
  }).join('\n');

interface Training {
  readonly rows: Rows;
  readonly flags: Record<string, unknown>;
}

let outputs = 0;
async function runOf({ rows, flags }: Training): Promise<NamedRun> {
  const { base } = await loadGolden('llama');
  const name = `run-${(outputs += 1)}`;
  const data = join(folder, `${name}.jsonl`);
  await writeFile(data, textOf(rows));
  return { name, config: resolveConfig({ flags: { base, data, output: join(folder, name), ...flags } }) };
}

/** Trains all together and each alone. @returns how far each is from what it is alone */
async function distances(trainings: readonly Training[]): Promise<number[]> {
  const runs = await Promise.all(trainings.map(runOf));
  const ends = await runTrainings(runs, { environment });
  const found: number[] = [];
  for (const [i, { config }] of runs.entries()) {
    const end = ends[i];
    if (end?.kind !== 'result') throw end?.error;
    const alone = await runTraining({ ...config, output: `${config.output}-alone` }, { environment });
    expect(end.result).toMatchObject({ steps: alone.steps, targetTokens: alone.targetTokens });
    expect(end.result.lastLoss).toBeCloseTo(alone.lastLoss, 5);
    found.push(relativeDistance(await trainedWeights(config.output), await trainedWeights(alone.output)));
  }
  return found;
}

const training = fc.record({
  rows: fc.record({
    count: fc.integer({ min: 1, max: 9 }),
    shortest: fc.integer({ min: 2, max: 12 }),
    seed: fc.integer({ min: 0, max: 100 }),
  }),
  flags: fc
    .record({
      rank: fc.integer({ min: 1, max: 5 }),
      batchSize: fc.integer({ min: 1, max: 4 }),
      accumulate: fc.integer({ min: 1, max: 3 }),
      maxSteps: fc.integer({ min: 1, max: 4 }),
      seed: fc.integer({ min: 0, max: 1000 }),
      dropout: fc.constantFrom(0, 0, 0.3),
      targetModules: fc.constantFrom(
        'all-linear',
        'q_proj,v_proj',
        'down_proj',
        '.*layers\\.1\\..*proj',
        'embed_tokens,o_proj',
      ),
      schedule: fc.constantFrom('constant', 'linear', 'cosine'),
      learningRate: fc.constantFrom(1e-2, 1e-3),
      optimizer: fc.constantFrom('adamw', 'sgd'),
      useDora: fc.constantFrom(undefined, undefined, true),
    })
    .map(({ useDora, targetModules, ...flags }) => {
      const isDora = useDora === true && !targetModules.startsWith('embed');
      return { ...flags, targetModules, ...(isDora && { useDora }) };
    }),
});

describe('several trainings together', () => {
  it('end as each would alone, whatever their settings', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(training, { minLength: 2, maxLength: 3 }), async (trainings) => {
        for (const distance of await distances(trainings)) {
          expect(distance).toBeLessThan(1e-5);
        }
      }),
      { numRuns: 2 },
    );
  });
});
