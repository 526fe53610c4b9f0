import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import type { EngineOptions } from './engine.ts';
import { openServedEngine, type ServedEngine } from './testing/served-engine.ts';
import { assertNothingAlive } from './testing/assert-nothing-alive.ts';
import { collectIds } from './testing/collect.ts';
import { openGoldenCase, type GoldenCase } from './testing/golden-case.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

const kinds = ['base', 'adapter', 'trained'] as const;
const request = { maxTokens: 16, stopTokenIds: [] };

async function open(name: string, graph: string, options: Partial<EngineOptions>): Promise<[GoldenCase, ServedEngine]> {
  const golden = await openGoldenCase(name, graph);
  const engine = await openServedEngine({ base: golden.base, environment, ...options });
  await engine.adapters.load('adapter', golden.adapter);
  await engine.adapters.load('trained', golden.trained);
  return [golden, engine];
}

describe.each([
  { name: 'llama-d16', graph: 'genai-fp32', way: 'with keys and values in place', inPlace: true },
  { name: 'llama-d16', graph: 'torch-export', way: 'by running each row anew', inPlace: false },
  { name: 'llama-d16', graph: 'merged', way: 'with the keys and values of its file', inPlace: true },
  { name: 'llama-d16', graph: 'optimum', way: 'with the keys and values of its file', inPlace: true },
  { name: 'llama-d16', graph: 'torch-past', way: 'with the keys and values of its file', inPlace: true },
  {
    name: 'gpt2',
    graph: 'with-past/decoder_with_past_model.onnx',
    way: 'a token and a length at a time',
    inPlace: true,
  },
  { name: 'gpt2', graph: 'torch-export', way: 'by running each row anew', inPlace: false },
])('$name as $graph writes it, $way', ({ name, graph, inPlace }) => {
  it.each([2])('gives the greedy tokens of the reference, each alone, with prefill by %i', async (prefillChunk) => {
    const [{ base, prompt, greedy }, engine] = await open(name, graph, { prefillChunk });
    await using _ = engine;
    expect(base.graphs.decode !== undefined).toBe(inPlace);
    for (const kind of kinds) {
      const adapters = kind === 'base' ? [] : [{ name: kind }];
      expect(await collectIds(engine.generate({ ...request, tokens: prompt, adapters }))).toEqual(greedy[kind]);
    }
  });

  it('gives them in one mixed batch too, of answers that end at different times', async () => {
    const [{ prompt, greedy }, engine] = await open(name, graph, {});
    await using _ = engine;
    const order = [...kinds, ...kinds, 'trained', 'base'] as const;
    const streams = order.map((kind, i) => {
      const adapters = kind === 'base' ? [] : [{ name: kind }];
      return engine.generate({ ...request, maxTokens: 16 - i, tokens: prompt, adapters });
    });
    expect(await Promise.all(streams.map(collectIds))).toEqual(order.map((kind, i) => greedy[kind].slice(0, 16 - i)));
  });
});
