import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { matchTargets } from '../lora/index.ts';
import { openBaseModel, type BaseModel } from '../models/index.ts';
import { openEnvironment, type Environment } from '../onnxruntime/index.ts';
import type { Example } from './data/example.ts';
import { createMicroBatch, int64Tensor, type MicroBatch } from './data/micro-batch.ts';
import { ParameterArena } from './graph/parameter-arena.ts';
import { createLossGraph } from './graph/loss-graph.ts';
import { LossSession } from './graph/loss-session.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

const longest = 24;
const vocabulary = 60;

/** A training of LoRA on all linear modules, for rows end to end or padded. */
interface Trained extends Disposable {
  run(batch: MicroBatch): Promise<{ readonly loss: number; readonly gradients: Float32Array }>;
}

async function open(base: BaseModel, packed: boolean): Promise<Trained> {
  const { modules } = matchTargets(base.modules, 'all-linear');
  const trainable = { lora: modules.map((path) => ({ path, rank: 2, scaling: 1 })), whole: new Set<string>() };
  const graph = await createLossGraph(
    { ...base, packsRows: packed },
    { trainable, objective: { kind: 'next-token' }, maxLength: longest, gradients: true },
  );
  const parameters = new ParameterArena(graph.parameters);
  parameters.flat.forEach((_, at) => (parameters.flat[at] = Math.sin(at * 12.9898) * 0.1));
  const gradients = new ParameterArena(graph.parameters);
  const session = await LossSession.open(graph, { environment, parameters, gradients });
  return {
    async run(batch) {
      const { lossSum } = await session.run(batch);
      return { loss: lossSum, gradients: gradients.flat.slice() };
    },
    [Symbol.dispose]() {
      session.dispose();
      gradients.dispose();
      parameters.dispose();
    },
  };
}

/** Rows of which some tokens count, at least one of each. */
const row: fc.Arbitrary<Example> = fc
  .array(fc.record({ id: fc.nat(vocabulary - 1), counts: fc.boolean() }), { minLength: 2, maxLength: longest })
  .map((tokens) => ({
    inputIds: Int32Array.from(tokens, ({ id }) => id),
    labels: Int32Array.from(tokens, ({ id, counts }, t) => (counts || t === 1 ? id : -100)),
  }));

/** Keeps the gradients from being 0. */
const steady = { inputIds: Int32Array.of(3, 14, 15, 9, 26), labels: Int32Array.of(3, 14, 15, 9, 26) };

const distance = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? NaN))), 0);
const largest = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

describe.each(['llama', 'gpt2', 'gemma3', 'qwen3'])('rows end to end on golden base %s', (name) => {
  it('have the loss and the gradients of padded rows', async () => {
    const base = await openBaseModel(fileURLToPath(new URL(`../../test/golden/${name}/model`, import.meta.url)));
    using packed = await open(base, true);
    using padded = await open(base, false);
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 5 }), async (others) => {
        const rows = [...others, steady];
        const a = await packed.run(createMicroBatch(rows, { packed: true }));
        const b = await padded.run(createMicroBatch(rows, { packed: false }));
        expect(Math.abs(a.loss - b.loss)).toBeLessThan(1e-5 * b.loss);
        expect(largest(b.gradients)).toBeGreaterThan(0);
        expect(distance(a.gradients, b.gradients)).toBeLessThan(1e-5 * largest(b.gradients));
      }),
      { numRuns: 25 },
    );
  });
});

describe('a packed batch', () => {
  it('would show it if a row saw the one before it', async () => {
    const base = await openBaseModel(fileURLToPath(new URL('../../test/golden/llama/model', import.meta.url)));
    using packed = await open(base, true);
    const inputIds = Int32Array.of(7, 21, 35, 49);
    const batch = createMicroBatch(
      [inputIds, inputIds.toReversed()].map((ids) => ({ inputIds: ids, labels: ids })),
      {
        packed: true,
      },
    );
    const oneLongRow = new Map(batch.feeds)
      .set('rectangle', int64Tensor(BigInt64Array.of(1n, 6n), [2]))
      .set('token_places', int64Tensor(BigInt64Array.of(0n, 1n, 2n, 3n, 4n, 5n), [6]));
    const [apart, together] = [await packed.run(batch), await packed.run({ ...batch, feeds: oneLongRow })];
    expect(Math.abs(apart.loss - together.loss)).toBeGreaterThan(1e-3);
    expect(distance(apart.gradients, together.gradients)).toBeGreaterThan(1e-3 * largest(apart.gradients));
  });
});
