import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadPeftAdapter } from '../adapter-files/index.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import { loadSafetensors, typedArray } from '../tensor/index.ts';
import { openServedEngine } from './testing/served-engine.ts';
import { assertNothingAlive } from './testing/assert-nothing-alive.ts';
import { collectIds } from './testing/collect.ts';
import { openTestBase } from './testing/golden-case.ts';

const name = 'families/phi3-longrope';
const folder = fileURLToPath(new URL(`../../test/golden/${name}/`, import.meta.url));

/** Its keys turn by one set of factors in rows of up to 12 tokens, by another in longer ones. */
describe('an engine on a base whose rows outgrow their keys', () => {
  let environment: Environment;
  let greedy: Readonly<Record<'base' | 'adapter', readonly number[]>>;
  beforeAll(async () => {
    environment = openEnvironment({ threads: 1 });
    const { tensors } = await loadSafetensors(`${folder}expected.safetensors`);
    const row = (key: string): number[] => {
      const tensor = tensors.get(key);
      return tensor ? Array.from(typedArray(tensor), Number) : [];
    };
    greedy = { base: row('greedy_base'), adapter: row('greedy_adapter') };
  });
  afterAll(() => {
    environment.dispose();
    assertNothingAlive();
  });

  it.each([
    [5, 2],
    [5, 128],
    [12, 5],
    [13, 5],
    [16, 128],
  ])('goes on as if it had run each row at once: prompts of %i tokens, prefill by %i', async (length, prefillChunk) => {
    const base = await openTestBase(name);
    await using engine = await openServedEngine({ base, environment, prefillChunk });
    await engine.adapters.load('adapter', await loadPeftAdapter(`${folder}adapter`, base.modules));
    const answers = (['base', 'adapter', 'base'] as const).map(async (kind) => {
      const [all, adapters] = [greedy[kind], kind === 'base' ? [] : [{ name: kind }]];
      const options = { maxTokens: all.length - length, stopTokenIds: [], adapters };
      return [await collectIds(engine.generate({ tokens: all.slice(0, length), ...options })), all.slice(length)];
    });
    for (const [answer, expected] of await Promise.all(answers)) expect(answer).toEqual(expected);
  });
});
