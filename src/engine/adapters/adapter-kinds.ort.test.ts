import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPeftAdapter } from '../../adapter-files/index.ts';
import type { Adapter } from '../../lora/index.ts';
import { embeddingsOf, openBaseModel, type BaseModel } from '../../models/index.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { loadSafetensors, toFloat32, typedArray } from '../../tensor/index.ts';
import { openServedEngine } from '../testing/served-engine.ts';
import type { GeneratedToken } from '../sequence/generation-request.ts';
import { assertNothingAlive } from '../testing/assert-nothing-alive.ts';
import { collect } from '../testing/collect.ts';

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
const unconverted = ['pissa-unconverted', 'olora-unconverted'];

describe.each([...tables, ...tokens, ...unconverted])('an adapter of its own kind: %s', (name) => {
  it('gives what PEFT gives, beside rows of the base that it leaves alone', async () => {
    const { base, adapter, prompt, logprobs } = await openCase(name);
    const vocab = logprobs.length;
    const engine = await openServedEngine({
      base,
      environment,
      maxSlots: 3,
      adapterTargets: [...adapter.modules.keys()],
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

it('refuses an adapter with lora_bias by name, and goes on serving', async () => {
  const { base, adapter, prompt } = await openCase('lora-bias');
  const engine = await openServedEngine({ base, environment, maxSlots: 2 });
  try {
    await expect(engine.adapters.load('biased', adapter)).rejects.toThrow(/self_attn\.q_proj\.bias/);
    const answer = await collect(engine.generate({ tokens: prompt, maxTokens: 2, stopTokenIds: [], adapters: [] }));
    expect(answer).toHaveLength(2);
  } finally {
    await engine.dispose();
  }
});
