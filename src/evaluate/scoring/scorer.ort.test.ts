import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

import { openBaseModel, type BaseModel } from '../../models/index.ts';
import { goldenDir } from '../../models/testing/fixtures.ts';
import { loadGoldenAdapter } from '../../models/testing/golden-adapter.ts';
import { loadGolden, maxDifference, type Golden } from '../../models/testing/golden.ts';
import { liveHandles, NativeMemory } from '../../native/index.ts';
import { openEnvironment, OrtTensor, type Environment } from '../../onnxruntime/index.ts';
import { openScorer } from './scorer.ts';

describe.each(['llama', 'llama-d16'] as const)('scoring the golden case %s', (name) => {
  let environment: Environment;
  let base: BaseModel;
  let golden: Golden;
  let lossTrace: number[];

  beforeAll(async () => {
    environment = openEnvironment({ threads: 1 });
    base = await openBaseModel(goldenDir(name, 'model'));
    golden = await loadGolden(name);
    ({ lossTrace } = JSON.parse(await readFile(goldenDir(name, 'expected.json'), 'utf8')));
  });

  const labelledRows = (): { inputIds: readonly number[]; labels: readonly number[] }[] =>
    golden.rows.map((inputIds, row) => ({ inputIds, labels: golden.labels[row]?.slice(0, inputIds.length) ?? [] }));

  const expectedLogprobs = (state: 'base' | 'adapter' | 'trained', row: number): (number | null)[] =>
    (golden.rows[row] ?? []).map((token, i) => (i === 0 ? null : logSoftmax(golden.logits(state, row, i - 1), token)));

  it.each(['base', 'adapter', 'trained'] as const)(
    'gives the log-probabilities of the reference: %s',
    async (state) => {
      const adapters = state === 'base' ? [] : [{ modules: await loadGoldenAdapter(name, state) }];
      using scorer = await openScorer({ base, environment, adapters });
      for (const [row, tokens] of golden.rows.entries()) {
        const { logprobs, nll, perplexity } = await scorer.score(tokens);
        const expected = expectedLogprobs(state, row);
        expect(logprobs[0]).toBeNull();
        expect(maxDifference(numbers(logprobs), numbers(expected))).toBeLessThan(1e-4);
        expect(nll).toBeCloseTo(
          -expected.slice(1).reduce<number>((sum, l) => sum + (l ?? 0), 0) / (tokens.length - 1),
          4,
        );
        expect(perplexity).toBeCloseTo(Math.exp(nll), 6);
      }
    },
  );

  it('evaluates to the first and the last loss of the reference training', async () => {
    for (const [state, loss] of [
      ['adapter', lossTrace[0]],
      ['trained', lossTrace[10]],
    ] as const) {
      using scorer = await openScorer({
        base,
        environment,
        adapters: [{ modules: await loadGoldenAdapter(name, state) }],
      });
      const evaluation = await scorer.evaluate(labelledRows());
      expect(evaluation.loss).toBeCloseTo(loss ?? NaN, 3);
      expect(evaluation.lossSum / evaluation.targetTokens).toBe(evaluation.loss);
    }
  });

  it('gives the same, whatever the memory for logits', async () => {
    const tokens = golden.rows[0] ?? [];
    using whole = await openScorer({ base, environment });
    using pieces = await openScorer({ base, environment, maxLogitBytes: 2 * 128 * 4 });
    const [expected, actual] = [await whole.score(tokens), await pieces.score(tokens)];
    expect(maxDifference(numbers(actual.logprobs), numbers(expected.logprobs))).toBeLessThan(1e-5);
  });

  it('evaluates to the same, however rows are batched', async () => {
    using alone = await openScorer({ base, environment, maxBatchTokens: 1 });
    using together = await openScorer({ base, environment, maxBatchTokens: 1000 });
    const [expected, actual] = [await alone.evaluate(labelledRows()), await together.evaluate(labelledRows())];
    expect(actual.targetTokens).toBe(expected.targetTokens);
    expect(actual.lossSum).toBeCloseTo(expected.lossSum, 4);
  });

  it('turns two halves of an adapter into the whole one', async () => {
    const modules = await loadGoldenAdapter(name, 'trained');
    const half = { modules, scale: 0.5 };
    using whole = await openScorer({ base, environment, adapters: [{ modules }] });
    using halves = await openScorer({ base, environment, adapters: [half, half] });
    const tokens = golden.rows[0] ?? [];
    expect((await halves.score(tokens)).nll).toBeCloseTo((await whole.score(tokens)).nll, 5);
  });

  it('sees what a training run writes into the arrays that it bound', async () => {
    const trained = await loadGoldenAdapter(name, 'trained');
    const modules = [...trained].map(([path, { rank, scaling }]) => ({ path, rank, scaling }));
    using scorer = await openScorer({ base, environment, modules });
    const memories = new Map<string, NativeMemory>();
    for (const [path, { a, b }] of trained) {
      for (const [input, tensor] of Object.entries({ [`${path}.lora_A`]: a, [`${path}.lora_B`]: b })) {
        const memory = NativeMemory.allocate(tensor.bytes.byteLength);
        using bound = OrtTensor.over(memory, 'float32', tensor.shape);
        scorer.bind(new Map([[input, bound]]));
        memories.set(input, memory);
      }
    }
    const { logprobs: untouched } = await scorer.score(golden.rows[0] ?? []);
    for (const [path, { a, b }] of trained) {
      memories.get(`${path}.lora_A`)?.bytes().set(a.bytes);
      memories.get(`${path}.lora_B`)?.bytes().set(b.bytes);
    }
    const { logprobs: changed } = await scorer.score(golden.rows[0] ?? []);
    expect(untouched[3]).toBeCloseTo(expectedLogprobs('base', 0)[3] ?? NaN, 4);
    expect(changed[3]).toBeCloseTo(expectedLogprobs('trained', 0)[3] ?? NaN, 4);
    for (const memory of memories.values()) memory.dispose();
  });

  it('takes the weights of the base from bound arrays too', async () => {
    using scorer = await openScorer({ base, environment, full: true });
    const file = await readFile(join(base.dir, 'model.safetensors'));
    for (const { name: weight, offset, length, shape } of base.weights.values()) {
      using memory = NativeMemory.allocate(length);
      memory.bytes().set(file.subarray(offset, offset + length));
      using tensor = OrtTensor.over(memory, 'float32', shape);
      scorer.bind(new Map([[weight, tensor]]));
    }
    const { logprobs } = await scorer.score(golden.rows[1] ?? []);
    expect(logprobs[2]).toBeCloseTo(expectedLogprobs('base', 1)[2] ?? NaN, 4);
  });

  it('answers calls that come at once, each with its own', async () => {
    using scorer = await openScorer({ base, environment });
    const together = await Promise.all(golden.rows.map((row) => scorer.score(row)));
    for (const [i, row] of golden.rows.entries()) expect(together[i]).toEqual(await scorer.score(row));
  });

  it('knows sequences of which nothing is to be predicted', async () => {
    using scorer = await openScorer({ base, environment });
    expect(await scorer.score([])).toEqual({ logprobs: [], nll: 0, perplexity: 1 });
    expect(await scorer.score([3])).toEqual({ logprobs: [null], nll: 0, perplexity: 1 });
    expect(await scorer.evaluate([{ inputIds: [1, 2], labels: [1, -100] }])).toEqual({
      lossSum: 0,
      targetTokens: 0,
      loss: 0,
    });
  });

  it('refuses what the model cannot read, and goes on', async () => {
    using scorer = await openScorer({ base, environment, maxLength: 4 });
    await expect(scorer.score([1, 2, 3, 4, 5])).rejects.toMatchObject({ code: 'MODEL_CONTEXT_EXCEEDED' });
    await expect(scorer.score([1, 128])).rejects.toMatchObject({ code: 'MODEL_TOKEN_OUT_OF_RANGE' });
    await expect(scorer.evaluate([{ inputIds: [1, 2], labels: [1, -7] }])).rejects.toMatchObject({
      code: 'MODEL_TOKEN_OUT_OF_RANGE',
    });
    const reason = new Error('enough');
    await expect(scorer.score([1, 2], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect((await scorer.score([1, 2])).logprobs).toHaveLength(2);
  });

  it('refuses an adapter for another base', async () => {
    const [module] = (await loadGoldenAdapter(name, 'trained')).values();
    if (module === undefined) throw new Error('the adapter has modules');
    const adapters = [{ modules: new Map([['model.layers.9.self_attn.q_proj', module]]) }];
    await expect(openScorer({ base, environment, adapters })).rejects.toMatchObject({ code: 'LORA_MODULES_INVALID' });
  });

  it('gives every native handle back', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});

/** All but the first, which nothing predicts. */
describe('scoring OPT, whose adapter also changes a layer between the trunk and the head', () => {
  it('gives the loss of the reference', async () => {
    const name = 'families/opt-350m';
    using environment = openEnvironment({ threads: 1 });
    const base = await openBaseModel(goldenDir(name, 'model'));
    const golden = await loadGolden(name);
    const modules = await loadGoldenAdapter(name, 'adapter');
    expect([...modules.keys()]).toContain('model.decoder.project_out');
    const { lossTrace }: { lossTrace: number[] } = JSON.parse(await readFile(goldenDir(name, 'expected.json'), 'utf8'));
    using scorer = await openScorer({ base, environment, adapters: [{ modules }] });
    const rows = golden.rows.map((inputIds, row) => ({
      inputIds,
      labels: golden.labels[row]?.slice(0, inputIds.length) ?? [],
    }));
    expect((await scorer.evaluate(rows)).loss).toBeCloseTo(lossTrace[0] ?? NaN, 3);
  });
});

function numbers(logprobs: readonly (number | null)[]): number[] {
  return logprobs.slice(1).map((logprob) => logprob ?? NaN);
}

function logSoftmax(logits: Float32Array, token: number): number {
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  return (logits[token] ?? NaN) - Math.log(total);
}
