import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPeftAdapter } from '../../adapter-files/index.ts';
import type { Adapter } from '../../lora/index.ts';
import { embeddingsOf, openBaseModel, type BaseModel } from '../../models/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { loadSafetensors, tensorOf, toFloat32, typedArray } from '../../tensor/index.ts';
import { openServedEngine } from '../testing/served-engine.ts';
import type { GeneratedToken } from '../sequence/generation-request.ts';
import { assertNothingAlive } from '../testing/assert-nothing-alive.ts';
import { collect } from '../testing/collect.ts';
import { createRandomAdapter } from '../testing/random-adapter.ts';

const golden = (path: string): string => fileURLToPath(new URL(`../../../test/golden/${path}`, import.meta.url));

let environment: Environment;
beforeEach(() => {
  environment = openEnvironment({ threads: 1 });
});
afterEach(() => {
  environment.dispose();
  assertNothingAlive();
});

interface KindCase {
  readonly base: BaseModel;
  readonly adapter: Adapter;
  readonly prompt: readonly number[];
  /** What PEFT gives for the token after the prompt, by token id. */
  readonly logprobs: readonly number[];
}

async function openCase(name: string): Promise<KindCase> {
  const { model } = JSON.parse(await readFile(golden(`adapters/${name}/expected.json`), 'utf8')) as { model: string };
  const { tensors } = await loadSafetensors(golden(`adapters/${name}/expected.safetensors`));
  const [ids, logits] = [tensors.get('input_ids'), tensors.get('logits')];
  if (!ids || !logits) throw new TypeError('the golden case has changed');
  const base = await openBaseModel(golden(`${model}/model`));
  const [length = 0, vocab = 0] = logits.shape.slice(1);
  const last = [...toFloat32(logits).subarray((length - 1) * vocab, length * vocab)];
  const total = Math.log(last.reduce((sum, value) => sum + Math.exp(value), 0));
  return {
    base,
    adapter: await loadPeftAdapter(golden(`adapters/${name}/adapter`), base.modules, {
      embeddings: embeddingsOf(base),
    }),
    prompt: Array.from(typedArray(ids), Number).slice(0, length),
    logprobs: last.map((value) => value - total),
  };
}

/** The first token's log-probabilities, by token id. */
function firstLogprobs([first]: readonly GeneratedToken[], vocab: number): number[] {
  const found = new Map(first?.topLogprobs?.map(({ token, logprob }) => [token, logprob]));
  return Array.from({ length: vocab }, (_, token) => found.get(token) ?? NaN);
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? NaN))));
}

const tables = ['embeddings-untied', 'embeddings-tied', 'head-tied', 'gpt2-tables'];
const tokens = ['tokens-untied', 'tokens-tied', 'tokens-gemma'];
const biased = ['lora-bias', 'lora-bias-unbiased'];
const unconverted = ['pissa-unconverted', 'olora-unconverted'];

describe.each([...tables, ...tokens, ...unconverted, ...biased])('an adapter of its own kind: %s', (name) => {
  it('gives what PEFT gives, beside rows of the base that it leaves alone', async () => {
    const { base, adapter, prompt, logprobs } = await openCase(name);
    const vocab = logprobs.length;
    const engine = await openServedEngine({
      base,
      environment,
      maxSlots: 3,
      adapterTargets: [...adapter.modules.keys()],
      loraBias: biased.includes(name),
    });
    try {
      const ask = (adapters: readonly { name: string; scale: number }[]): Promise<GeneratedToken[]> =>
        collect(
          engine.generate({ tokens: prompt, adapters, maxTokens: 6, stopTokenIds: [], logprobs: { top: vocab } }),
        );
      const before = await ask([]);
      await engine.adapters.load('kind', adapter);
      const kind = [{ name: 'kind', scale: 1 }];
      const alone = await ask(kind);
      const [first, plain, second] = await Promise.all([ask(kind), ask([]), ask(kind)]);
      expect(largestDifference(firstLogprobs(first, vocab), logprobs)).toBeLessThan(1e-4);
      const idsOf = (answer: readonly GeneratedToken[]): number[] => answer.map(({ token }) => token);
      expect([idsOf(first), idsOf(second)]).toEqual([idsOf(alone), idsOf(alone)]);
      expect(idsOf(plain)).toEqual(idsOf(before));
      expect(largestDifference(firstLogprobs(plain, vocab), firstLogprobs(before, vocab))).toBeLessThan(1e-5);
      expect(largestDifference(firstLogprobs(alone, vocab), firstLogprobs(before, vocab))).toBeGreaterThan(0.01);
    } finally {
      await engine.dispose();
    }
  });
});

it('refuses a DoRA adapter where it was opened without DoRA, says what to do, and goes on serving', async () => {
  const { base, adapter, prompt } = await openCase('dora');
  const engine = await openServedEngine({ base, environment, maxSlots: 2 });
  try {
    await expect(engine.adapters.load('dora', adapter)).rejects.toThrow(
      /dora is a DoRA adapter .* Start it with .*dora.* or merge the adapter/,
    );
    expect(engine.adapters.list()).toEqual([]);
    const answer = await collect(engine.generate({ tokens: prompt, maxTokens: 2, stopTokenIds: [], adapters: [] }));
    expect(answer).toHaveLength(2);
  } finally {
    await engine.dispose();
  }
});

describe.each(biased)('an engine with biases: %s', (name) => {
  it('gives each row of a batch its own bias and strength, and leaves none behind', async () => {
    const { base, adapter, prompt, logprobs } = await openCase(name);
    const rank = Math.max(...Array.from(adapter.modules.values(), (module) => module.rank));
    const linears = base.modules.filter(({ path }) => adapter.modules.has(path));
    const plain = createRandomAdapter({ linears, rank, seed: 5 });
    const other = { ...adapter, modules: mirrored(adapter), digest: 'f'.repeat(64) };
    const engine = await openServedEngine({ base, environment, maxSlots: 5, adapterRows: 3 * rank, loraBias: true });
    const vocab = logprobs.length;
    const ask = async (adapters: readonly { name: string; scale?: number }[]): Promise<number[]> => {
      const request = { tokens: prompt, adapters, maxTokens: 3, stopTokenIds: [], logprobs: { top: vocab } };
      return firstLogprobs(await collect(engine.generate(request)), vocab);
    };
    try {
      await engine.adapters.load('biased', adapter);
      await engine.adapters.load('other', other);
      await engine.adapters.load('plain', plain);
      const questions = [
        [{ name: 'biased' }],
        [{ name: 'other' }],
        [{ name: 'plain' }],
        [
          { name: 'biased', scale: 0.75 },
          { name: 'biased', scale: 0.25 },
        ],
        [],
      ];
      const alone: number[][] = [];
      for (const adapters of questions) alone.push(await ask(adapters));
      const together = await Promise.all(questions.map(ask));
      const errors = together.map((row, i) => largestDifference(row, alone[i] ?? []));
      expect(Math.max(...errors)).toBeLessThan(1e-4);
      const [whole, mirror, , parts, without] = together;
      expect(largestDifference(whole ?? [], logprobs)).toBeLessThan(1e-4);
      expect(largestDifference(parts ?? [], logprobs)).toBeLessThan(1e-4);
      expect(largestDifference(mirror ?? [], whole ?? [])).toBeGreaterThan(0.01);
      expect(largestDifference(without ?? [], whole ?? [])).toBeGreaterThan(0.01);
      // Its rows go to an adapter without biases.
      await engine.adapters.unload('biased');
      await engine.adapters.replace('plain', createRandomAdapter({ linears, rank, seed: 6 }));
      const later = await ask([{ name: 'plain' }]);
      const fresh = await openServedEngine({ base, environment, maxSlots: 1 });
      await fresh.adapters.load('plain', createRandomAdapter({ linears, rank, seed: 6 }));
      const request = { tokens: prompt, adapters: [{ name: 'plain' }], maxTokens: 1, stopTokenIds: [] };
      const answer = await collect(fresh.generate({ ...request, logprobs: { top: vocab } }));
      await fresh.dispose();
      expect(largestDifference(later, firstLogprobs(answer, vocab))).toBeLessThan(1e-4);
    } finally {
      await engine.dispose();
    }
  });
});

/** The same matrices with biases of the other sign. */
function mirrored({ modules }: Adapter): Adapter['modules'] {
  return new Map(
    Array.from(modules, ([path, module]) => {
      if (module.bias === undefined) throw new TypeError('the golden case has changed');
      const bias = tensorOf(
        'float32',
        module.bias.shape,
        toFloat32(module.bias).map((value) => -value),
      );
      return [path, { ...module, bias }];
    }),
  );
}

it('refuses an adapter with lora_bias where it was opened without, says what to do, and goes on serving', async () => {
  const { base, adapter, prompt } = await openCase('lora-bias');
  const engine = await openServedEngine({ base, environment, maxSlots: 2 });
  try {
    await expect(engine.adapters.load('biased', adapter)).rejects.toThrow(
      /biased has biases \(lora_bias\) of 4 modules.*Start it with .*or merge the adapter/,
    );
    const answer = await collect(engine.generate({ tokens: prompt, maxTokens: 2, stopTokenIds: [], adapters: [] }));
    expect(answer).toHaveLength(2);
  } finally {
    await engine.dispose();
  }
});
