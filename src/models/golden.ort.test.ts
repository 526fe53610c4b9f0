import { beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../core/testing/cross-section.ts';

import { openGraph } from '../execution/index.ts';
import { liveHandles } from '../native/index.ts';
import { openEnvironment, runOnce, type Environment } from '../onnxruntime/index.ts';
import { tensorOf, toFloat32 } from '../tensor/index.ts';
import type { BaseModel } from './base-model.ts';
import { openBaseModel } from './open-base-model.ts';
import { buildScoringGraph } from './graphs.ts';
import { DecodeDriver } from './testing/decode-driver.ts';
import { goldenDir } from './testing/fixtures.ts';
import { goldenCases } from './testing/golden-cases.ts';
import { loadGolden, maxDifference, type Golden } from './testing/golden.ts';

describe.each(crossSection(goldenCases, 3, 1))('golden case %s', (name) => {
  let environment: Environment;
  let base: BaseModel;
  let golden: Golden;

  beforeAll(async () => {
    environment = openEnvironment({ threads: 1 });
    base = await openBaseModel(goldenDir(name, 'model'));
    golden = await loadGolden(name);
  });

  it('has the reference logits at every position, through the scoring graph', async () => {
    using graph = await openGraph(buildScoringGraph(base), { environment, baseDir: base.dir });
    const { vocabulary } = golden;
    const [batch = 0, seq = 0] = golden.inputIds.shape;
    const every = Array.from({ length: batch * seq }, (_, i) => i);
    const rows = tensorOf('int64', [every.length], every);
    const { logits } = await runOnce(graph.session, { input_ids: golden.inputIds, rows });
    const values = logits ? toFloat32(logits) : new Float32Array();
    golden.rows.forEach((row, r) =>
      row.forEach((_, position) => {
        const start = (r * seq + position) * vocabulary;
        const actual = values.subarray(start, start + vocabulary);
        expect(maxDifference(actual, golden.logits('base', r, position))).toBeLessThan(1e-4);
      }),
    );
  });

  it('has the reference logits at every position, through the decode graph', async () => {
    using driver = await DecodeDriver.open(base, environment, {
      slots: golden.rows.length,
      maxLength: Math.max(32, golden.inputIds.shape[1] ?? 0),
    });
    const { vocabulary } = golden;
    for (const [r, row] of golden.rows.entries()) {
      const logits = await driver.prefill(r, row);
      row.forEach((_, p) => {
        const actual = logits.subarray(p * vocabulary, (p + 1) * vocabulary);
        expect(maxDifference(actual, golden.logits('base', r, p))).toBeLessThan(1e-4);
      });
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
