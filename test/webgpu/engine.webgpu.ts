import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertNothingAlive } from '../../src/engine/testing/assert-nothing-alive.ts';
import { collectIds } from '../../src/engine/testing/collect.ts';
import { openGoldenCase } from '../../src/engine/testing/golden-case.ts';
import { openServedEngine } from '../../src/engine/testing/served-engine.ts';
import { openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { cases, onWebGpu } from './cases.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment(onWebGpu);
});
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

const request = { maxTokens: 16, stopTokenIds: [] };
const kinds = ['base', 'adapter', 'trained'] as const;

describe.each(cases)('an engine on WebGPU, golden case %s', (name) => {
  it('gives the greedy tokens of the reference, each adapter alone and all in one batch', async () => {
    const { base, prompt, greedy, adapter, trained } = await openGoldenCase(name);
    await using engine = await openServedEngine({ base, environment, maxSlots: 8, maxLength: 64 });
    await engine.adapters.load('adapter', adapter);
    await engine.adapters.load('trained', trained);
    const answer = (kind: (typeof kinds)[number]) => {
      const adapters = kind === 'base' ? [] : [{ name: kind }];
      return collectIds(engine.generate({ ...request, tokens: prompt, adapters }));
    };
    for (const kind of kinds) expect(await answer(kind)).toEqual(greedy[kind]);
    const order = [...kinds, ...kinds, 'trained', 'base'] as const;
    expect(await Promise.all(order.map(answer))).toEqual(order.map((kind) => greedy[kind]));
    expect(Math.max(...Object.keys(engine.stats().batchSizes).map(Number))).toBe(8);
  });
});
