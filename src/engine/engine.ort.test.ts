import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../core/testing/cross-section.ts';

import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import type { EngineOptions } from './engine.ts';
import { openServedEngine, type ServedEngine } from './testing/served-engine.ts';
import { assertNothingAlive } from './testing/assert-nothing-alive.ts';
import { collect, collectIds } from './testing/collect.ts';
import { openGoldenCase, type GoldenCase } from './testing/golden-case.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

/** The golden case, and an engine that has its two adapters. */
async function open(name: string, options: Partial<EngineOptions> = {}): Promise<[GoldenCase, ServedEngine]> {
  const golden = await openGoldenCase(name);
  const engine = await openServedEngine({ base: golden.base, environment, ...options });
  if (options.adapterTargets !== false) {
    await engine.adapters.load('adapter', golden.adapter);
    await engine.adapters.load('trained', golden.trained);
  }
  return [golden, engine];
}

const request = { maxTokens: 16, stopTokenIds: [] };
const kinds = ['base', 'adapter', 'trained'] as const;

const floats = ['llama', 'llama-d16', 'qwen2', 'qwen3', 'gemma3', 'gpt2'];
/** One for each form in which a base of another tool is held. The logits of all are compared in `models`. */
const quantized = ['awq', 'gptq-order', 'int8', 'fp8', 'nf4-nested', 'mxfp4', 'gguf-q8_0', 'gguf-q4_k'];

describe.each(crossSection([...floats, ...quantized.map((name) => `quantized/${name}`)], 3))(
  'an engine on the golden case %s',
  (name) => {
    it.each([2, 128])(
      'gives the greedy tokens of the reference, each alone, with prefill by %i',
      async (prefillChunk) => {
        const [{ prompt, greedy }, engine] = await open(name, { prefillChunk });
        await using _ = engine;
        for (const kind of kinds) {
          const adapters = kind === 'base' ? [] : [{ name: kind }];
          expect(await collectIds(engine.generate({ ...request, tokens: prompt, adapters }))).toEqual(greedy[kind]);
        }
      },
    );

    it('gives them in one mixed batch too', async () => {
      const [{ prompt, greedy }, engine] = await open(name);
      await using _ = engine;
      const order = [...kinds, ...kinds, 'trained', 'base'] as const;
      const streams = order.map((kind) => {
        const adapters = kind === 'base' ? [] : [{ name: kind }];
        return engine.generate({ ...request, tokens: prompt, adapters });
      });
      expect(await Promise.all(streams.map(collectIds))).toEqual(order.map((kind) => greedy[kind]));
      expect(Math.max(...Object.keys(engine.stats().batchSizes).map(Number))).toBe(8);
    });

    it('gives those of the base without any room for adapters', async () => {
      const [{ prompt, greedy, adapter }, engine] = await open(name, { adapterTargets: false });
      await using _ = engine;
      expect(await collectIds(engine.generate({ ...request, tokens: prompt }))).toEqual(greedy.base);
      await expect(engine.adapters.load('adapter', adapter)).rejects.toMatchObject({ code: 'ADAPTERS_OFF' });
    });
  },
);

describe('an engine', () => {
  it('takes an adapter at scale 0 for the base, and the same adapter twice at half for once', async () => {
    const [{ prompt, greedy }, engine] = await open('llama');
    await using _ = engine;
    const off = engine.generate({ ...request, tokens: prompt, adapters: [{ name: 'trained', scale: 0 }] });
    expect(await collectIds(off)).toEqual(greedy.base);
    const half = { name: 'trained', scale: 0.5 };
    const twice = engine.generate({ ...request, tokens: prompt, adapters: [half, half] });
    expect(await collectIds(twice)).toEqual(greedy.trained);
  });

  it('ends at a stop token, which it hands out last', async () => {
    const [{ prompt, greedy }, engine] = await open('llama');
    await using _ = engine;
    const stop = greedy.base[3] ?? 0;
    const answer = await collect(engine.generate({ ...request, tokens: prompt, stopTokenIds: [stop] }));
    const expected = greedy.base.slice(0, greedy.base.indexOf(stop) + 1);
    expect(answer.map(({ token }) => token)).toEqual(expected);
    expect(answer.map(({ finishReason }) => finishReason)).toEqual([...expected.slice(1).map(() => undefined), 'stop']);
  });

  it('ends when the context is full', async () => {
    const [{ prompt }, engine] = await open('llama', { maxLength: 12 });
    await using _ = engine;
    const answer = await collect(engine.generate({ ...request, tokens: prompt }));
    expect([answer.length, answer.at(-1)?.finishReason]).toEqual([7, 'length']);
  });

  it("fills the context to the model's own limit", async () => {
    const [{ prompt, base }, engine] = await open('llama');
    await using _ = engine;
    const answer = await collect(engine.generate({ ...request, tokens: prompt, maxTokens: 1000 }));
    expect(answer).toHaveLength(base.config.maxPositions - prompt.length);
  });

  it('answers as before after prompts of more lengths than it keeps bindings for', async () => {
    const [{ prompt, greedy }, engine] = await open('llama');
    await using _ = engine;
    for (let turn = 0; turn < 2; turn++) {
      expect(await collectIds(engine.generate({ ...request, tokens: prompt }))).toEqual(greedy.base);
      const lengths = Array.from({ length: 70 }, (_unused, i) => i + 1);
      for (const length of lengths) {
        const tokens = Array.from({ length }, () => 1);
        expect(await collectIds(engine.generate({ ...request, tokens, maxTokens: 1 }))).toHaveLength(1);
      }
    }
  });

  it('draws the same tokens with the same seed, in whatever company', async () => {
    const [{ prompt }, engine] = await open('llama');
    await using _ = engine;
    const drawn = { ...request, tokens: prompt, temperature: 1, topK: 50, topP: 0.95, seed: 5 };
    const alone = await collectIds(engine.generate(drawn));
    const others = [7, 8, 9].map((seed) => collectIds(engine.generate({ ...drawn, seed })));
    expect(await collectIds(engine.generate(drawn))).toEqual(alone);
    expect(new Set((await Promise.all(others)).map(String))).not.toContain(String(alone));
  });

  it.each([
    ['PROMPT_EMPTY', { tokens: [] }],
    ['PROMPT_TOO_LONG', { tokens: Array.from({ length: 128 }, () => 1) }],
    ['TOKEN_OUT_OF_RANGE', { tokens: [1, 128] }],
    ['TOKEN_OUT_OF_RANGE', { tokens: [1.5] }],
    ['GENERATION_OPTION_INVALID', { tokens: [1], maxTokens: -1 }],
    ['GENERATION_OPTION_INVALID', { tokens: [1], temperature: Number.NaN }],
    ['GENERATION_OPTION_INVALID', { tokens: [1], topP: 0 }],
    ['GENERATION_OPTION_INVALID', { tokens: [1], adapters: [{ name: 'adapter' }, { name: 'trained', scale: 1001 }] }],
    ['ADAPTER_CAPACITY', { tokens: [1], adapters: [{ name: 'adapter' }, { name: 'trained' }] }],
  ])('refuses at the call with %s', async (code, wrong) => {
    const [, engine] = await open('llama', { adapterRows: 7 });
    await using _ = engine;
    expect(() => engine.generate({ ...request, ...wrong })).toThrow(expect.objectContaining({ code }));
    expect(engine.adapters.list().map(({ leases }) => leases)).toEqual([0, 0]);
    expect(engine.stats().requests).toMatchObject({ accepted: 0, refused: 1 });
  });
});
