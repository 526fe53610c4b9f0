import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { injectLora } from '../../src/lora/index.ts';
import { openBaseModel } from '../../src/models/index.ts';
import { goldenDir } from '../../src/models/testing/fixtures.ts';
import { loadGoldenAdapter } from '../../src/models/testing/golden-adapter.ts';
import { adapterStates } from '../../src/models/testing/golden-cases.ts';
import { loadGolden, maxDifference } from '../../src/models/testing/golden.ts';
import { scoreRows, type ScoringRun } from '../../src/models/testing/scoring-driver.ts';
import { openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { cases, onWebGpu, report } from './cases.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment(onWebGpu);
});
afterAll(() => environment.dispose());

describe.each(cases)('scoring on WebGPU, golden case %s', (name) => {
  it.each(['base', ...adapterStates(name)] as const)(
    'has the logits of the reference within 1e-3: %s',
    async (state) => {
      const base = await openBaseModel(goldenDir(name, 'model'));
      const golden = await loadGolden(name);
      const injected = state === 'base' ? {} : await injectionOf(name, state);
      const scored = await scoreRows({ base, environment, ...injected }, golden.rows);
      const { vocabulary } = golden;
      const errors = golden.rows.flatMap((row, r) =>
        row.map((_, p) => {
          const found = scored[r]?.subarray(p * vocabulary, (p + 1) * vocabulary) ?? [];
          return maxDifference(found, golden.logits(state, r, p));
        }),
      );
      expect(errors.length).toBeGreaterThan(1);
      report(name, `logits (${state})`, Math.max(...errors));
      expect(Math.max(...errors)).toBeLessThan(1e-3);
    },
  );
});

async function injectionOf(
  name: string,
  state: 'adapter' | 'trained',
): Promise<Required<Pick<ScoringRun, 'change' | 'feeds'>>> {
  const adapter = await loadGoldenAdapter(name, state);
  const modules = [...adapter].map(([path, { rank, scaling }]) => ({ path, rank, scaling }));
  const feeds = [...adapter].flatMap(([path, { a, b }]) => [
    [`${path}.lora_A`, a],
    [`${path}.lora_B`, b],
  ]);
  return { change: (model) => void injectLora(model, { modules }), feeds: Object.fromEntries(feeds) };
}
