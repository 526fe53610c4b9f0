import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPeftAdapter } from '../../src/adapter-files/index.ts';
import { assertNothingAlive } from '../../src/engine/testing/assert-nothing-alive.ts';
import { collectIds } from '../../src/engine/testing/collect.ts';
import { openServedEngine } from '../../src/engine/testing/served-engine.ts';
import { openBaseModel } from '../../src/models/index.ts';
import { goldenDir } from '../../src/models/testing/fixtures.ts';
import { adapterStates } from '../../src/models/testing/golden-cases.ts';
import { loadGolden } from '../../src/models/testing/golden.ts';
import { openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { cases, form, onWebGpu } from './cases.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment(onWebGpu);
});
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

/** Tokens of the prompt in the greedy rows; the answer follows. */
const promptLength = 5;

describe.each(cases)('an engine on WebGPU, golden case %s', (name) => {
  it('gives the greedy tokens of the reference, each adapter alone and all in one batch', async () => {
    const base = await openBaseModel(goldenDir(name, 'model'));
    const golden = await loadGolden(name);
    const states = adapterStates(name);
    const kinds = ['base', ...states] as const;
    const adapters = await Promise.all(states.map((state) => loadPeftAdapter(goldenDir(name, state), base.modules)));
    const adapterTargets = adapters.flatMap(({ modules }) => [...modules.keys()]);
    await using engine = await openServedEngine({ base, environment, maxSlots: 8, maxLength: 64, adapterTargets });
    for (const [i, state] of states.entries()) {
      const adapter = adapters[i];
      if (adapter) await engine.adapters.load(state, adapter);
    }
    const answer = (kind: (typeof kinds)[number]) => {
      const named = kind === 'base' ? [] : [{ name: kind }];
      const tokens = golden.greedy('base').slice(0, promptLength);
      return collectIds(engine.generate({ tokens, adapters: named, maxTokens: 16, stopTokenIds: [] }));
    };
    const expected = (kind: (typeof kinds)[number]) => golden.greedy(kind).slice(promptLength);
    // WHY not of every case alone: what is mixed in a batch is compared with the reference too.
    const singles = form === 'all' ? [] : kinds;
    for (const kind of singles) expect(await answer(kind)).toEqual(expected(kind));
    const order = Array.from({ length: 8 }, (_, i) => kinds[i % kinds.length] ?? 'base');
    expect(await Promise.all(order.map(answer))).toEqual(order.map(expected));
    expect(Math.max(...Object.keys(engine.stats().batchSizes).map(Number))).toBe(8);
  });
});
