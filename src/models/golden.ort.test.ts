import { beforeAll, describe, expect, it } from 'vitest';

import { encodeModel } from '../ir/index.ts';
import { liveHandles, openEnvironment, runOnce, type Environment } from '../runtime/index.ts';
import { tensorOf, toFloat32 } from '../tensor/index.ts';
import { openBaseModel, type BaseModel } from './base-model.ts';
import { buildScoringGraph } from './graphs.ts';
import { DecodeDriver } from './testing/decode-driver.ts';
import { goldenDir } from './testing/fixtures.ts';
import { loadGolden, maxDifference, type Golden } from './testing/golden.ts';

describe.each(['llama', 'llama-d16'] as const)('golden case %s', (name) => {
  let environment: Environment;
  let base: BaseModel;
  let golden: Golden;

  beforeAll(async () => {
    environment = openEnvironment({ threads: 1 });
    base = await openBaseModel(goldenDir(name, 'model'));
    golden = await loadGolden(name);
  });

  it('has the reference logits at every position, through the scoring graph', async () => {
    const model = encodeModel(buildScoringGraph(base));
    using session = await environment.createSession(model, { externalDataFolder: base.dir });
    const rows = tensorOf(
      'int64',
      [36],
      Array.from({ length: 36 }, (_, i) => i),
    );
    const { logits } = await runOnce(session, { input_ids: golden.inputIds, rows });
    const values = logits ? toFloat32(logits) : new Float32Array();
    golden.rows.forEach((row, r) =>
      row.forEach((_, position) => {
        const start = (r * 12 + position) * 128;
        expect(maxDifference(values.subarray(start, start + 128), golden.logits('base', r, position))).toBeLessThan(
          1e-4,
        );
      }),
    );
  });

  it('has the reference logits at every position, through the decode graph', async () => {
    using driver = await DecodeDriver.open(base, environment, { slots: 3, maxLength: 16 });
    for (const [r, row] of golden.rows.entries()) {
      const logits = await driver.prefill(r, row);
      row.forEach((_, p) =>
        expect(maxDifference(logits.subarray(p * 128, (p + 1) * 128), golden.logits('base', r, p))).toBeLessThan(1e-4),
      );
    }
  });

  it('continues with the reference tokens', async () => {
    using driver = await DecodeDriver.open(base, environment, { slots: 1, maxLength: 32 });
    expect(await driver.greedy(golden.greedy('base').slice(0, 5), 16)).toEqual(golden.greedy('base'));
  });

  it('gives every native handle back', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});
