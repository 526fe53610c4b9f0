import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadPeftAdapter } from '../adapter-files/index.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import { loadSafetensors, typedArray } from '../tensor/index.ts';
import { assertNothingAlive } from './testing/assert-nothing-alive.ts';
import { collectIds } from './testing/collect.ts';
import { openTestBase } from './testing/golden-case.ts';
import { openServedEngine } from './testing/served-engine.ts';

/** Layers that read the keys and values of others, and layers with fewer and larger heads. */
describe.each(['gemma4-shared', 'gemma4-keys'])('an engine on %s', (name) => {
  const folder = fileURLToPath(new URL(`../../test/golden/families/${name}/`, import.meta.url));
  let environment: Environment;
  beforeAll(() => {
    environment = openEnvironment({ threads: 1 });
  });
  afterAll(() => {
    environment.dispose();
    assertNothingAlive();
  });

  it('continues rows with and without an adapter in one batch as the reference does', async () => {
    const { tensors } = await loadSafetensors(`${folder}expected.safetensors`);
    const row = (key: string): number[] => {
      const tensor = tensors.get(key);
      return tensor ? Array.from(typedArray(tensor), Number) : [];
    };
    const base = await openTestBase(`families/${name}`);
    await using engine = await openServedEngine({ base, environment, maxSlots: 3, prefillChunk: 4 });
    await engine.adapters.load('adapter', await loadPeftAdapter(`${folder}adapter`, base.modules));
    const kinds = ['base', 'adapter', 'base', 'adapter', 'base'] as const;
    const answers = kinds.map(async (kind, i) => {
      const [all, length] = [row(`greedy_${kind}`), 5 + 3 * i];
      const adapters = kind === 'base' ? [] : [{ name: kind }];
      const request = { tokens: all.slice(0, length), adapters, maxTokens: all.length - length, stopTokenIds: [] };
      return [await collectIds(engine.generate(request)), all.slice(length)];
    });
    for (const [answer, expected] of await Promise.all(answers)) expect(answer).toEqual(expected);
  });
});
