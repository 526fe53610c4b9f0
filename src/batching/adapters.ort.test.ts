import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { breathe } from '../core/index.ts';
import { loadPeftAdapter } from '../adapter-files/index.ts';
import type { Model } from '../ir/index.ts';
import type { Adapter, ModuleWeights } from '../lora/index.ts';
import { loadSafetensors, tensorOf, toFloat32, type TensorData, type TensorOf } from '../tensor/index.ts';
import type { InferenceModel } from './inference-model.ts';
import { memoryPlans } from './memory/run-memory.ts';
import { openInferenceGraph, openInferenceModel, type InferenceModelOptions } from './open-inference-model.ts';
import { Bench } from './testing/open-test-model.ts';
import { mlpModel, randomTensor } from './testing/test-models.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(() => bench.close());

const golden = (name: string): string => fileURLToPath(new URL(`../../test/golden/${name}`, import.meta.url));

async function serveGolden(name: string, options: Partial<InferenceModelOptions> = {}): Promise<InferenceModel> {
  const { environment, arenas } = bench;
  const path = join(golden(name), 'model.onnx');
  return openInferenceModel(path, { name, environment, arenas, adapters: true, ...options });
}

async function answer(model: InferenceModel, x: TensorData, adapter?: string): Promise<number[]> {
  const [input] = model.signature.inputs;
  const inputs = new Map([[input?.name ?? '', x]]);
  using lease = adapter === undefined ? undefined : model.adapters?.registry.acquire(adapter);
  const { outputs } = await model.infer({ inputs, adapter: lease });
  const [logits] = outputs.values();
  return logits === undefined ? [] : Array.from(toFloat32(logits));
}

function rowsOf(x: TensorData): TensorData[] {
  const rows = x.shape[0] ?? 0;
  const length = x.bytes.byteLength / rows;
  return Array.from({ length: rows }, (_, i) => {
    return { ...x, shape: [1, ...x.shape.slice(1)], bytes: x.bytes.slice(i * length, (i + 1) * length) };
  });
}

describe('a parameter that is called like an input of the requests', () => {
  it('leaves what is fed alone', async () => {
    const { environment, arenas, folder } = bench;
    const build = (): Model => mlpModel({ in: 4, hidden: 6, out: 3 });
    const modules = [{ path: 'fc2', in: 6, out: 3 }];
    const parameters = [{ name: 'x', tensor: tensorOf('float32', [4], [9, 9, 9, 9]) }];
    const options = { name: 'mlp', environment, arenas, adapters: true };
    await using model = await openInferenceGraph({ build, folder, modules, parameters }, options);
    await using plain = await openInferenceGraph({ build, folder, modules }, options);
    expect(model.signature.inputs.map(({ name }) => name)).toEqual(['x']);
    const x = randomTensor([2, 4], 'rows');
    expect(await answer(model, x)).toEqual(await answer(plain, x));
  });
});

describe('an adapter on a model that another tool wrote', () => {
  it.each(['mlp', 'cnn'].flatMap((name) => memoryPlans.map((memoryPlan) => ({ name, memoryPlan }))))(
    'gives $name what PEFT gives, beside the base, with the plan $memoryPlan',
    async ({ name, memoryPlan }) => {
      await using model = await serveGolden(name, { memoryPlan, maxWaitMs: 5 });
      const weights = await loadPeftAdapter(join(golden(name), 'adapter'), model.adapters?.modules ?? []);
      await model.adapters?.registry.load('tuned', weights);
      const { tensors } = await loadSafetensors(join(golden(name), 'expected.safetensors'));
      const [x, base, adapted] = ['x', 'base_logits', 'adapter_logits'].map((key) => tensors.get(key));
      if (x === undefined || base === undefined || adapted === undefined) throw new RangeError('No golden tensors');
      const rows = rowsOf(x).flatMap((row) => [answer(model, row), answer(model, row, 'tuned')]);
      const answers = await Promise.all(rows);
      const [ours, theirs] = [
        answers.filter((_, i) => i % 2 === 0).flat(),
        answers.filter((_, i) => i % 2 === 1).flat(),
      ];
      for (const [i, value] of toFloat32(base).entries()) expect(ours[i]).toBeCloseTo(value, 5);
      for (const [i, value] of toFloat32(adapted).entries()) expect(theirs[i]).toBeCloseTo(value, 4);
      expect(model.stats().largestBatch).toBeGreaterThan(1);
    },
  );

  it('is refused whole where a part of it does not fit, and nothing changes', async () => {
    await using model = await serveGolden('mlp');
    const registry = model.adapters?.registry;
    const { weights } = contentOf(1);
    await expect(registry?.load('strange', weights)).rejects.toMatchObject({ code: 'ADAPTER_TARGET_NOT_SERVED' });
    expect(registry?.list()).toEqual([]);
    expect(() => registry?.acquire('strange')).toThrow(
      expect.objectContaining({ code: 'ADAPTER_NOT_FOUND', status: 404 }),
    );
  });
});

const sizes = { in: 6, hidden: 9, out: 4 };
const variants = 5;
const clients = 16;
const swaps = 150;

/** An adapter of rank 1 to 5 on both modules of the test's model. */
function contentOf(place: number): { readonly variant: number; readonly weights: Adapter } {
  const variant = place % variants;
  const rank = variant + 1;
  const matrix = (shape: readonly number[], name: string): TensorOf<'float32'> =>
    tensorOf('float32', shape, toFloat32(randomTensor(shape, name, variant)));
  const moduleOf = (width: number, out: number, name: string): ModuleWeights => {
    return { rank, scaling: 2, a: matrix([rank, width], `${name}.a`), b: matrix([out, rank], `${name}.b`) };
  };
  const modules = new Map([
    ['fc1', moduleOf(sizes.in, sizes.hidden, 'fc1')],
    ['fc2', moduleOf(sizes.hidden, sizes.out, 'fc2')],
  ]);
  const config = { rank, alpha: 2 * rank, dropout: 0, targetModules: ['fc1', 'fc2'] };
  return { variant, weights: { config, modules, digest: `${variant}:${place}`, baseName: undefined } };
}

describe(`${swaps} replacements of one adapter under ${clients} clients`, () => {
  const x = randomTensor([1, 6], 'x');

  async function expectedAnswers(): Promise<number[][]> {
    const model = await bench.serve(mlpModel(sizes), { adapters: true, maxBatch: 1 });
    const answers: number[][] = [];
    for (let variant = 0; variant < variants; variant++) {
      await model.adapters?.registry.load(`v${variant}`, contentOf(variant).weights);
      answers.push(await answer(model, x, `v${variant}`));
    }
    return answers;
  }

  async function replaceUnderLoad(model: InferenceModel): Promise<{ failed: number; mixed: number; answers: number }> {
    const expected = await expectedAnswers();
    const registry = model.adapters?.registry;
    const outcome = { failed: 0, mixed: 0, answers: 0 };
    let isReplacing = true;
    const ask = async (): Promise<void> => {
      while (isReplacing) {
        try {
          const inputs = new Map([[model.signature.inputs[0]?.name ?? '', x]]);
          using lease = registry?.acquire('policy');
          const { outputs, adapterVersion = '' } = await model.infer({ inputs, adapter: lease });
          const own = expected[Number(adapterVersion.split(':')[0])] ?? [];
          const [y] = outputs.values();
          const isOwn = y !== undefined && toFloat32(y).every((value, i) => Math.abs(value - (own[i] ?? NaN)) < 1e-4);
          if (!isOwn) outcome.mixed++;
          outcome.answers++;
        } catch {
          outcome.failed++;
          await breathe();
        }
      }
    };
    await registry?.load('policy', contentOf(0).weights);
    const asking = Array.from({ length: clients }, ask);
    for (let place = 1; place <= swaps; place++) {
      await registry?.replace('policy', contentOf(place).weights);
      for (const enough = outcome.answers + outcome.failed + 4; outcome.answers + outcome.failed < enough;)
        await breathe();
    }
    isReplacing = false;
    await Promise.all(asking);
    return outcome;
  }

  it('stand on versions whose answers all differ', async () => {
    expect(new Set((await expectedAnswers()).map((values) => values.join())).size).toBe(variants);
  });

  it('fail no request, mix no answer, and keep no old version', async () => {
    const model = await bench.serve(mlpModel(sizes), { adapters: true, maxBatch: 4, maxWaitMs: 0 });
    const outcome = await replaceUnderLoad(model);
    expect(outcome).toMatchObject({ failed: 0, mixed: 0 });
    expect(outcome.answers).toBeGreaterThan(swaps);
    expect(model.adapters?.registry.versions()).toHaveLength(1);
  });

  it('are seen to hurt when leases are ignored', async () => {
    const model = await bench.serve(mlpModel(sizes), { adapters: true, maxBatch: 4, maxWaitMs: 0 });
    const registry = model.adapters?.registry;
    if (registry === undefined) throw new RangeError('No registry');
    const acquire = registry.acquire.bind(registry);
    // The broken variant: weights are not held, so a replacement frees what a waiting request still needs.
    registry.acquire = (name) => {
      const lease = acquire(name);
      const broken = {
        alias: name,
        version: lease.version,
        dispose: () => undefined,
        [Symbol.dispose]: () => undefined,
      };
      const hold = async (): ReturnType<typeof lease.hold> => {
        const held = await lease.hold();
        held.dispose();
        lease.dispose();
        return held;
      };
      return Object.assign(Object.create(lease), broken, { hold, share: () => ({ ...broken, hold }) });
    };
    const { failed, mixed } = await replaceUnderLoad(model);
    expect(failed + mixed).toBeGreaterThan(0);
  });
});
