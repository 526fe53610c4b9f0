import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differentiate, gradientPasses } from '../src/autodiff/index.ts';
import { runPasses, type Model } from '../src/ir/index.ts';
import { injectLora, type Adapter } from '../src/lora/index.ts';
import { loadPeftAdapter } from '../src/adapter-files/index.ts';
import {
  buildClassificationGraph,
  buildClassificationTrainingGraph,
  buildEmbeddingGraph,
  openBaseModel,
  type BaseModel,
} from '../src/models/index.ts';
import {
  reported,
  goldenCasesHere,
  goldenLimit,
  openGoldenEnvironment,
  openGoldenSession,
} from '../src/models/testing/golden-provider.ts';
import { runOnce, type Environment, type Session } from '../src/onnxruntime/index.ts';
import { loadSafetensors, tensorOf, toFloat32, typedArray, type TensorData } from '../src/tensor/index.ts';

const golden = (path: string): string => fileURLToPath(new URL(`golden/encoders/${path}`, import.meta.url));

describe.each(goldenCasesHere(readdirSync(golden(''))))('golden case %s', (name) => {
  let environment: Environment;
  let base: BaseModel;
  let adapter: Adapter;
  let expected: ReadonlyMap<string, TensorData>;

  beforeAll(async () => {
    environment = openGoldenEnvironment();
    base = await openBaseModel(golden(`${name}/model`));
    adapter = await loadPeftAdapter(golden(`${name}/adapter`), base.modules);
    expected = (await loadSafetensors(golden(`${name}/expected.safetensors`))).tensors;
  });
  afterAll(() => environment.dispose());

  const tensor = (key: string): TensorData => {
    const found = expected.get(key);
    if (found === undefined) throw new Error(`the golden case has no ${key}`);
    return found;
  };
  const rows = (side = ''): Record<string, TensorData> => ({
    input_ids: tensor(`${side}input_ids`),
    attention_mask: tensor(`${side}attention_mask`),
  });
  const open = (model: Model): Promise<Session> => openGoldenSession(model, { environment, baseDir: base.dir });
  const inject = (model: Model): readonly string[] => {
    const modules = [...adapter.modules].map(([path, { rank, scaling }]) => ({ path, rank, scaling }));
    return injectLora(model, { modules }).inputs;
  };

  it('has the reference logits, with and without its adapter', async () => {
    const model = buildClassificationGraph(base);
    inject(model);
    using session = await open(model);
    const on = adapterFeeds(adapter);
    const off = Object.entries(on).map(([key, { shape }]): [string, TensorData] => {
      return [key, tensorOf('float32', shape, new Float32Array(shape.reduce((size, dim) => size * dim, 1)))];
    });
    for (const [feeds, key] of [
      [Object.fromEntries(off), 'base_logits'],
      [on, 'adapter_logits'],
    ] as const) {
      const { logits } = await runOnce(session, { ...rows(), ...feeds });
      const [actual, wanted] = [logits, tensor(key)].map((each) => each && counted(each, tensor('attention_mask')));
      expect(reported(wanted ? farthest(actual, wanted) : Infinity, `encoders/${name}: ${key}`)).toBeLessThan(
        goldenLimit(1e-4),
      );
    }
  });

  it('has the mean of the reference states as its embeddings, with padding on either side', async ({ skip }) => {
    if (!expected.has('base_embeddings')) skip('the case is for a head alone');
    using session = await open(buildEmbeddingGraph(base));
    for (const [side, key] of [
      ['', 'base_embeddings'],
      ['left_', 'left_embeddings'],
    ] as const) {
      const { embeddings } = await runOnce(session, rows(side));
      expect(reported(farthest(embeddings, tensor(key)), `encoders/${name}: ${key}`)).toBeLessThan(goldenLimit(1e-4));
    }
  });

  it("has PEFT's gradient of every A and B, and its losses over some steps", async () => {
    const isNumbers = base.problem !== undefined;
    const kinds = { regression: 'numbers', 'multi-label': 'flags' } as const;
    const classes = base.perToken === true ? 'tokens' : 'classes';
    const targets = base.problem === undefined ? classes : kinds[base.problem];
    const model = buildClassificationTrainingGraph(base, { targets });
    const parameters = inject(model);
    const [loss] = model.graph.outputs;
    if (loss === undefined) throw new Error('the training graph gives a loss');
    const inputs = parameters.flatMap((parameter) => model.graph.value(parameter) ?? []);
    for (const [parameter, gradient] of differentiate(model, { loss, parameters: inputs })) {
      model.graph.rename(gradient, `gradient of ${parameter.name}`);
      model.graph.addOutput(gradient);
    }
    runPasses(model, gradientPasses);
    using session = await open(model);
    const count =
      base.perToken === true
        ? Array.from(typedArray(tensor('labels')), Number).filter((label) => label >= 0).length
        : (tensor('labels').shape[0] ?? 0);
    const feeds = { ...rows(), [isNumbers ? 'targets' : 'labels']: tensor('labels') };
    const { lossTrace, learningRate }: Trace = JSON.parse(await readFile(golden(`${name}/expected.json`), 'utf8'));
    const names = ['loss_sum', ...parameters.map((parameter) => `gradient of ${parameter}`)];
    let weights = adapterFeeds(adapter);
    let wrong: string[] | undefined;
    for (const [step, wanted] of lossTrace.entries()) {
      const results = await runOnce(session, { ...feeds, ...weights }, names);
      const gradients = new Map(
        parameters.map((parameter) => {
          const sums = toFloat32(results[`gradient of ${parameter}`] ?? tensorOf('float32', [0], []));
          return [parameter, sums.map((sum) => sum / count)];
        }),
      );
      expect((toFloat32(results['loss_sum'] ?? tensor('labels'))[0] ?? NaN) / count).toBeCloseTo(wanted, 3);
      if (step === 0) wrong = gradientErrors(gradients, expected);
      weights = Object.fromEntries(
        Object.entries(weights).map(([parameter, before]) => {
          const by = gradients.get(parameter);
          const after = toFloat32(before).map((value, i) => value - learningRate * (by?.[i] ?? NaN));
          return [parameter, tensorOf('float32', before.shape, after)];
        }),
      );
    }
    expect(wrong).toEqual([]);
  });
});

interface Trace {
  readonly lossTrace: readonly number[];
  readonly learningRate: number;
}

/** The numbers of the tokens that the mask counts, of numbers for each token; others as they are. */
function counted(logits: TensorData, mask: TensorData): TensorData {
  const [, , labels] = logits.shape;
  if (labels === undefined) return logits;
  const [values, counts] = [toFloat32(logits), Array.from(typedArray(mask), Number)];
  const kept = values.filter((_, i) => counts[Math.floor(i / labels)] === 1);
  return tensorOf('float32', [kept.length], kept);
}

/** The parameters whose gradient is not within the limit of the largest element of its reference, or is on one side only. */
function gradientErrors(
  gradients: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, TensorData>,
): string[] {
  const wanted = [...expected.keys()].flatMap((key) => /^grad\.base_model\.model\.(.*)\.weight$/.exec(key)?.[1] ?? []);
  const names = new Set([...wanted, ...gradients.keys()]);
  return [...names].filter((name) => {
    const reference = expected.get(`grad.base_model.model.${name}.weight`);
    const own = gradients.get(name);
    if (reference === undefined || own === undefined) return true;
    const largest = toFloat32(reference).reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    return !(farthest(tensorOf('float32', reference.shape, own), reference) < goldenLimit(1e-4) * largest);
  });
}

function adapterFeeds({ modules }: Adapter): Record<string, TensorData> {
  return Object.fromEntries(
    [...modules].flatMap(([path, { a, b }]): [string, TensorData][] => [
      [`${path}.lora_A`, a],
      [`${path}.lora_B`, b],
    ]),
  );
}

/** The largest difference; infinite if there is nothing to compare with. */
function farthest(actual: TensorData | undefined, expected: TensorData): number {
  if (actual === undefined || actual.shape.join() !== expected.shape.join()) return Infinity;
  const values = toFloat32(actual);
  return toFloat32(expected).reduce((max, value, i) => Math.max(max, Math.abs(value - (values[i] ?? NaN))), 0);
}
