import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../src/core/index.ts';
import { openBaseModel, type BaseModel } from '../src/models/index.ts';
import { openEnvironment, type Environment } from '../src/onnxruntime/index.ts';
import { openScorer } from '../src/evaluate/index.ts';
import type { ReportedToken } from '../src/engine/index.ts';
import { openServedEngine, type NamingRequest, type ServedEngine } from '../src/engine/testing/served-engine.ts';
import { assertNothingAlive } from '../src/engine/testing/assert-nothing-alive.ts';
import { createRandomAdapter } from '../src/engine/testing/random-adapter.ts';

const golden = fileURLToPath(new URL('golden/llama-d16', import.meta.url));
const ranks = [2, 5];

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  environment.dispose();
  assertNothingAlive();
});

interface Told {
  readonly prompt: readonly ReportedToken[];
  readonly answer: readonly ReportedToken[];
}

async function told(engine: ServedEngine, request: NamingRequest): Promise<Told> {
  const stream = engine.generate(request);
  const answer: ReportedToken[] = [];
  for await (const token of stream) answer.push(token);
  return { prompt: stream.promptTokens, answer };
}

function adapterOf(base: BaseModel, rank: number): ReturnType<typeof createRandomAdapter> {
  const linears = base.modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
  return createRandomAdapter({ linears, rank, seed: rank });
}

describe.each([
  { graph: 'model', way: 'with keys and values in place' },
  { graph: 'torch-export', way: 'by running each row anew' },
  { graph: 'optimum', way: 'with the keys and values of its file' },
  { graph: 'torch-past', way: 'with the keys and values of its file' },
])('log-probabilities of $graph, $way', ({ graph }) => {
  it('of prompt and answer are those that scoring the whole gives, beside other adapters in a batch', async () => {
    const base = await openBaseModel(`${golden}/${graph}`);
    await using engine = await openServedEngine({ base, environment, maxSlots: 4, prefillChunk: 7, adapterRows: 32 });
    for (const rank of ranks) await engine.adapters.load(`rank-${rank}`, adapterOf(base, rank));
    const adapters = [[], ...ranks.map((rank) => [{ name: `rank-${rank}`, scale: 1 }]), [], [{ name: 'rank-2' }]];
    const random = createRandom(3, 'prompts');
    const requests = adapters.map((names, place) => ({
      tokens: Array.from({ length: 1 + 9 * place }, () => random.integer(128)),
      adapters: names,
      maxTokens: place === 3 ? 0 : 6,
      temperature: place % 2,
      seed: place,
      stopTokenIds: [],
      logprobs: { top: 2, prompt: true },
    }));
    const answers = await Promise.all(requests.map((request) => told(engine, request)));
    for (const [place, { prompt, answer }] of answers.entries()) {
      const [name] = adapters[place] ?? [];
      const rank = Number(name?.name.slice('rank-'.length));
      const scored = name === undefined ? [] : [{ modules: adapterOf(base, rank).modules }];
      using scorer = await openScorer({ base, environment, adapters: scored });
      const whole = [...prompt, ...answer];
      const tokens = whole.map(({ token }) => token);
      expect(tokens.slice(0, prompt.length)).toEqual(requests[place]?.tokens);
      expect(answer).toHaveLength(requests[place]?.maxTokens ?? Number.NaN);
      const { logprobs } = await scorer.score(tokens);
      expect(whole[0]?.logprob).toBeUndefined();
      for (const [i, { logprob, topLogprobs = [] }] of whole.entries()) {
        if (i === 0) continue;
        expect(Math.abs((logprob ?? Number.NaN) - (logprobs[i] ?? Number.NaN))).toBeLessThan(1e-4);
        expect(topLogprobs).toHaveLength(2);
        expect(logprob).toBeLessThanOrEqual(topLogprobs[0]?.logprob ?? Number.NaN);
      }
    }
  });
});
