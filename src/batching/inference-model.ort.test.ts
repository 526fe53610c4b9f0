import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packStrings, tensorOf, toFloat32, typedArray, unpackStrings, type TensorData } from '../tensor/index.ts';
import type { Adapter } from '../lora/index.ts';
import type { InferenceModel } from './inference-model.ts';
import { memoryPlans } from './memory/run-memory.ts';
import { Bench } from './testing/open-test-model.ts';
import {
  mixingModel,
  mlpModel,
  nonZeroModel,
  randomTensor,
  reshapingModel,
  stringModel,
  tokenModel,
} from './testing/test-models.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(() => bench.close());

const mlp = (): ReturnType<typeof mlpModel> => mlpModel({ in: 6, hidden: 9, out: 4 });

async function answer(model: InferenceModel, inputs: Record<string, TensorData>): Promise<TensorData> {
  const { outputs } = await model.infer({ inputs: new Map(Object.entries(inputs)) });
  const [first] = outputs.values();
  if (first === undefined) throw new RangeError('No output');
  return first;
}

const numbers = (tensor: TensorData): number[] => Array.from(toFloat32(tensor));

/** An adapter that changes nothing. */
const nothing: Adapter = {
  config: { rank: 1, alpha: 1, dropout: 0, targetModules: [] },
  modules: new Map(),
  digest: 'nothing',
  baseName: undefined,
};

describe('InferenceModel', () => {
  it.each(memoryPlans)('joins requests into one run, and gives each its own rows, with the plan %s', async (plan) => {
    const [joining, single] = [
      await bench.serve(mlp(), { maxBatch: 8, maxWaitMs: 60_000, memoryPlan: plan }),
      await bench.serve(mlp(), { maxBatch: 1, memoryPlan: plan }),
    ];
    for (const round of [0, 1]) {
      const inputs = Array.from({ length: 8 }, (_, i) => randomTensor([1, 6], `x${round}/${i}`));
      const joined = await Promise.all(inputs.map((x) => answer(joining, { x })));
      for (const [i, x] of inputs.entries()) {
        const alone = numbers(await answer(single, { x }));
        for (const [j, value] of numbers(joined[i] ?? x).entries()) expect(value).toBeCloseTo(alone[j] ?? NaN, 5);
      }
    }
    // The first batch is checked against its requests alone: 1 + 8 runs; the second one is a run.
    expect(joining.stats()).toMatchObject({ requests: 16, batches: 10, largestBatch: 8 });
    expect(joining.batching).toEqual({ joins: true, axis: 'batch' });
  });

  it('gives every request the rows that it gets alone, whatever it shares a batch with', async () => {
    const model = await bench.serve(tokenModel(), { maxBatch: 8, maxWaitMs: 0, runs: 2 });
    const alone = await bench.serve(tokenModel(), { maxBatch: 8, runs: 1, maxWaitMs: 0, memoryPlan: 'on-demand' });
    const shape = fc.record({
      rows: fc.integer({ min: 1, max: 4 }),
      seq: fc.integer({ min: 1, max: 3 }),
      fill: fc.nat(15),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(shape, { minLength: 1, maxLength: 12 }), async (shapes) => {
        const requests = shapes.map(({ rows, seq, fill }) => {
          const ids = Array.from({ length: rows * seq }, (_, i) => (fill + 3 * i) % 16);
          return new Map([['ids', tensorOf('int64', [rows, seq], ids)]]);
        });
        const together = await Promise.all(requests.map((inputs) => model.infer({ inputs })));
        for (const [i, inputs] of requests.entries()) {
          const { outputs } = await alone.infer({ inputs });
          expect(together[i]?.outputs).toEqual(outputs);
        }
      }),
      { numRuns: 40 },
    );
    expect(model.stats().batches).toBeLessThan(model.stats().requests);
  });

  it('takes new shapes without a new session, and foretells them', async () => {
    const model = await bench.serve(tokenModel(), { maxWaitMs: 0 });
    for (const [rows, seq] of [
      [1, 1],
      [3, 2],
      [2, 7],
      [1, 1],
    ] as const) {
      const ids = tensorOf(
        'int64',
        [rows, seq],
        Array.from({ length: rows * seq }, (_, i) => i % 16),
      );
      expect((await answer(model, { ids })).shape).toEqual([rows, seq, 4]);
    }
  });

  it('gives only the outputs that a request asks for', async () => {
    const model = await bench.serve(tokenModel(), { maxBatch: 2, maxWaitMs: 60_000 });
    const ids = tensorOf('int64', [1, 2], [3, 4]);
    const ask = (outputs: string[]): Promise<string[]> =>
      model.infer({ inputs: new Map([['ids', ids]]), outputs }).then((result) => [...result.outputs.keys()]);
    expect(await Promise.all([ask(['sums']), ask(['sums', 'vectors'])])).toEqual([['sums'], ['sums', 'vectors']]);
  });

  it('stops joining a model whose rows do not keep to themselves, and answers as if it never had', async () => {
    const model = await bench.serve(mixingModel(), { maxBatch: 2, maxWaitMs: 60_000 });
    const [a, b] = [tensorOf('float32', [1, 3], [1, 2, 4]), tensorOf('float32', [1, 3], [2, 4, 8])];
    const answers = await Promise.all([answer(model, { x: a }), answer(model, { x: b })]);
    expect(answers.map(numbers)).toEqual([
      [0.25, 0.5, 1],
      [0.25, 0.5, 1],
    ]);
    expect(model.batching).toMatchObject({ joins: false });
    expect(numbers(await answer(model, { x: a }))).toEqual([0.25, 0.5, 1]);
  });

  it('runs a model one request at a time whose outputs cannot be foretold', async () => {
    const model = await bench.serve(nonZeroModel());
    expect(model.batching).toMatchObject({ joins: false });
    const places = await answer(model, { x: tensorOf('float32', [1, 3], [0, 5, 6]) });
    expect([places.shape, Array.from(typedArray(places), Number)]).toEqual([
      [2, 2],
      [0, 0, 1, 2],
    ]);
  });

  it.each(memoryPlans)('takes and gives strings, whatever their bytes, with the plan %s', async (memoryPlan) => {
    const model = await bench.serve(stringModel(), { memoryPlan });
    for (const words of [
      ['a', '', 'grün\u0000x'],
      ['b', 'c', 'd'],
    ]) {
      const bytes = packStrings(words.map((word) => Buffer.from(word)));
      const y = await answer(model, { x: { dtype: 'string', shape: [3], bytes } });
      expect(unpackStrings(y.bytes)?.map((element) => new TextDecoder().decode(element))).toEqual(words);
    }
  });

  it('answers, and plans no outputs any more, where a foretold shape was wrong', async () => {
    const model = await bench.serve(reshapingModel(), { maxWaitMs: 0 });
    const data = tensorOf('float32', [6], [1, 2, 3, 4, 5, 6]);
    const reshape = async (...shape: number[]): Promise<readonly number[]> =>
      (await answer(model, { data, shape: tensorOf('int64', [2], shape) })).shape;
    expect([await reshape(2, 3), await reshape(3, 2), await reshape(6, 1)]).toEqual([
      [2, 3],
      [3, 2],
      [6, 1],
    ]);
  });

  it('fails a request that the model refuses, and only that one of its batch', async () => {
    const model = await bench.serve(tokenModel(), { maxBatch: 2, maxWaitMs: 60_000 });
    const ask = (id: number): Promise<TensorData> => answer(model, { ids: tensorOf('int64', [1, 1], [id]) });
    const [good, bad] = await Promise.allSettled([ask(3), ask(99)]);
    expect(good.status).toBe('fulfilled');
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'INFER_REFUSED', status: 400 } });
  });

  it('lets go of a request that its client leaves, waiting or running', async () => {
    const model = await bench.serve(mlp(), { maxBatch: 3, maxWaitMs: 60_000 });
    const [leaving, x] = [new AbortController(), randomTensor([1, 6], 'x')];
    const left = model.infer({ inputs: new Map([['x', x]]), signal: leaving.signal });
    const stays = [answer(model, { x }), answer(model, { x })];
    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    const last = answer(model, { x });
    expect((await Promise.all([...stays, last])).length).toBe(3);
    expect(model.stats().largestBatch).toBe(3);
  });

  it('finishes what is under way when it is disposed, and takes nothing new', async () => {
    const model = await bench.serve(mlp(), { maxWaitMs: 1 });
    const pending = answer(model, { x: randomTensor([2, 6], 'x') });
    const disposal = model.dispose();
    await expect(answer(model, { x: randomTensor([2, 6], 'x') })).rejects.toMatchObject({ code: 'ENGINE_CLOSED' });
    expect((await pending).shape).toEqual([2, 4]);
    await disposal;
  });

  const row = randomTensor([1, 6], 'x');
  it.each([
    { why: 'an unknown input', inputs: { x: row, y: row }, code: 'INFER_INPUT_UNKNOWN' },
    { why: 'a missing input', inputs: {}, code: 'INFER_INPUT_MISSING' },
    {
      why: 'another type',
      inputs: { x: tensorOf('float64', [1, 6], [1, 2, 3, 4, 5, 6]) },
      code: 'INFER_INPUT_MISMATCH',
    },
    { why: 'another width', inputs: { x: randomTensor([1, 5], 'x') }, code: 'INFER_INPUT_MISMATCH' },
    { why: 'another rank', inputs: { x: randomTensor([6], 'x') }, code: 'INFER_INPUT_MISMATCH' },
    { why: 'no row', inputs: { x: tensorOf('float32', [0, 6], []) }, code: 'INFER_INPUT_MISMATCH' },
    { why: 'more rows than a batch', inputs: { x: randomTensor([65, 6], 'x') }, code: 'INFER_BATCH_TOO_LARGE' },
  ])('refuses $why before any work', async ({ inputs, code }) => {
    const model = await bench.serve(mlp());
    const named = new Map<string, TensorData>(Object.entries(inputs));
    await expect(model.infer({ inputs: named })).rejects.toMatchObject({ code });
    expect(model.stats().batches).toBe(0);
  });

  it('refuses an adapter rather than answering with the base', async () => {
    const model = await bench.serve(mlp());
    const other = await bench.serve(mlp(), { adapters: true });
    await other.adapters?.registry.load('strict', nothing);
    using lease = other.adapters?.registry.acquire('strict');
    const request = { inputs: new Map([['x', row]]), adapter: lease };
    await expect(model.infer(request)).rejects.toMatchObject({ code: 'INFER_ADAPTERS_OFF', status: 404 });
  });
});
