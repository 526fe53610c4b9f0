import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../src/core/testing/cross-section.ts';
import { loadPeftAdapter, savePeftAdapter } from '../src/adapter-files/index.ts';
import { fromPeftExperts } from '../src/adapter-files/formats/peft/expert-matrices.ts';
import { differentiate, gradientPasses } from '../src/autodiff/index.ts';
import { runPasses, type Model, type Value } from '../src/ir/index.ts';
import { injectLora, injectStackedLora, type Adapter, type ModuleWeights } from '../src/lora/index.ts';
import { buildScoringGraph, buildTrainingGraph, openBaseModel, type BaseModel } from '../src/models/index.ts';
import { DecodeDriver } from '../src/models/testing/decode-driver.ts';
import { NativeMemory } from '../src/native/index.ts';
import {
  goldenLimit,
  reported,
  goldenCasesHere,
  openGoldenEnvironment,
  openGoldenSession,
} from '../src/models/testing/golden-provider.ts';
import { OrtTensor, runOnce, type Environment } from '../src/onnxruntime/index.ts';
import {
  loadSafetensors,
  tensorOf,
  toFloat32,
  typedArray,
  type TensorData,
  type TensorOf,
} from '../src/tensor/index.ts';

const golden = (path: string): string => fileURLToPath(new URL(`golden/experts/${path}`, import.meta.url));
type Tensors = ReadonlyMap<string, TensorData>;

/**
 * Adapters that PEFT wrote with `target_parameters`: of both parameters of experts (gate and up with another rank), and of one; of
 * experts whose gate and up alternate, also in MXFP4.
 */
const cases = ['both', 'down', 'gate-up', 'gpt-oss', 'gpt-oss-mxfp4', 'deepseek', 'lfm2-moe', 'nemotron-h'];

describe.each(crossSection(goldenCasesHere(cases), 2))('an adapter of experts: %s', (name) => {
  let environment: Environment;
  let base: BaseModel;
  let adapter: Adapter;
  let expected: Tensors;

  beforeAll(async () => {
    environment = openGoldenEnvironment();
    base = await openBaseModel(golden(`${name}/model`));
    adapter = await loadPeftAdapter(golden(`${name}/adapter`), base.modules);
    expected = (await loadSafetensors(golden(`${name}/expected.safetensors`))).tensors;
  });
  afterAll(() => environment.dispose());

  const run = async (model: Model, feeds: Record<string, TensorData>): Promise<Record<string, TensorData>> => {
    using session = await openGoldenSession(model, { environment, baseDir: base.dir });
    return runOnce(session, feeds);
  };

  it('has the logits of PEFT', async () => {
    const model = buildScoringGraph(base);
    injectLora(model, { modules: modulesOf(adapter) });
    const { logits } = await run(model, { ...scoring(expected), ...feedsOf(adapter) });
    expect(
      reported(
        farthest(logits, expected, () => 'adapter_logits'),
        `experts/${name}: logits`,
      ),
    ).toBeLessThan(goldenLimit(1e-4));
  });

  it('continues with the tokens of PEFT, with keys and values in a cache', async () => {
    const states = [
      ['greedy_base', {}],
      ['greedy_adapter', feedsOf(adapter)],
    ] as const;
    for (const [reference, feeds] of states) {
      const change = (model: Model): void => {
        if (Object.keys(feeds).length > 0) injectLora(model, { modules: modulesOf(adapter) });
      };
      const inputs = new Map(Object.entries(feeds).map(([key, tensor]) => [key, ortTensor(tensor)]));
      using driver = await DecodeDriver.open(base, environment, { slots: 1, maxLength: 32, change, inputs });
      const wanted = Array.from(typedArray(tensorNamed(expected, reference)), Number);
      expect(await driver.greedy(wanted.slice(0, 5), 16)).toEqual(wanted);
      for (const tensor of inputs.values()) tensor.dispose();
    }
  });

  it('changes only the rows of a mixed batch that have it', async () => {
    const model = buildScoringGraph(base);
    injectStackedLora(model, [...adapter.modules.keys()]);
    const { logits } = await run(model, { ...scoring(expected), ...stackedFeeds(adapter, expected) });
    const reference = (row: number): string => (row === 1 ? 'adapter_logits' : 'base_logits');
    expect(reported(farthest(logits, expected, reference), `experts/${name}: logits of a mixed batch`)).toBeLessThan(
      goldenLimit(1e-4),
    );
  });

  it("has PEFT's gradient of every A and B", async () => {
    const model = buildTrainingGraph(base);
    const { inputs } = injectLora(model, { modules: modulesOf(adapter) });
    const names = addGradients(model, inputs);
    runPasses(model, gradientPasses);
    const { feeds, targets } = training(expected);
    const found = await run(model, { ...feeds, ...feedsOf(adapter) });
    const wanted = await peftGradients(expected, adapter);
    expect(inputs).toHaveLength([...expected.keys()].filter((key) => key.startsWith('grad.')).length);
    for (const [index, input] of inputs.entries()) {
      const actual = toFloat32(tensorNamed(found, names[index] ?? '')).map((value) => value / targets);
      const reference = tensorNamed(wanted, input);
      const largest = Math.max(...toFloat32(reference).map(Math.abs));
      expect(
        reported(difference(actual, toFloat32(reference)) / largest, `experts/${name}: gradient of ${input}`),
      ).toBeLessThan(goldenLimit(1e-4));
    }
  });

  it('is saved as PEFT saves it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'espalier-'));
    try {
      await savePeftAdapter(join(folder, 'saved'), adapter);
      const read = async (dir: string): Promise<Tensors> =>
        (await loadSafetensors(join(dir, 'adapter_model.safetensors'))).tensors;
      const [ours, theirs] = [await read(join(folder, 'saved')), await read(golden(`${name}/adapter`))];
      expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
      for (const [key, tensor] of theirs) expect(ours.get(key)).toEqual(tensor);
      const config = async (dir: string): Promise<Record<string, unknown>> =>
        JSON.parse(await readFile(join(dir, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
      const { target_parameters: parameters } = await config(join(folder, 'saved'));
      const count = name === 'down' || name === 'gate-up' ? 1 : 2;
      expect(parameters).toHaveLength(count);
      expect((await loadPeftAdapter(join(folder, 'saved'), base.modules)).digest).toBe(adapter.digest);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

function ortTensor(tensor: TensorData): OrtTensor {
  const values = toFloat32(tensor);
  using memory = NativeMemory.allocate(values.byteLength);
  memory.float32().set(values);
  return OrtTensor.over(memory, 'float32', tensor.shape);
}

function modulesOf({ modules }: Adapter): { path: string; rank: number; scaling: number }[] {
  return [...modules].map(([path, { rank, scaling }]) => ({ path, rank, scaling }));
}

function feedsOf({ modules }: Adapter): Record<string, TensorData> {
  return Object.fromEntries(
    [...modules].flatMap(([path, { a, b }]) => [
      [`${path}.lora_A`, a],
      [`${path}.lora_B`, b],
    ]),
  );
}

function scoring(expected: Tensors): Record<string, TensorData> {
  const ids = tensorNamed(expected, 'input_ids');
  const count = typedArray(ids).length;
  return {
    input_ids: ids,
    rows: tensorOf(
      'int64',
      [count],
      Array.from({ length: count }, (_, index) => index),
    ),
  };
}

/** The adapter in the last rows of stacks, behind as many of others, and a mask in which only the tokens of row 1 have it. */
function stackedFeeds({ modules }: Adapter, expected: Tensors): Record<string, TensorData> {
  const [batch = 0, seq = 0] = tensorNamed(expected, 'input_ids').shape;
  const rank = Math.max(...[...modules.values()].map((module) => module.rank));
  const total = 2 * rank;
  const feeds = [...modules].flatMap(([path, module]): [string, TensorData][] => [
    [`${path}.lora_A`, stack(rowsOfA(module), { rank, total })],
    [`${path}.lora_B`, stack(rowsOfB(module), { rank, total })],
  ]);
  const mask = Float32Array.from({ length: batch * seq * total }, (_, index) => {
    const [token, column] = [Math.floor(index / total), index % total];
    return Math.floor(token / seq) === 1 && column >= rank ? 1 : 0;
  });
  return { ...Object.fromEntries(feeds), lora_mask: tensorOf('float32', [batch * seq, total], mask) };
}

function rowsOfA({ rank, a }: ModuleWeights): number[][] {
  const width = a.shape[1] ?? 0;
  return Array.from({ length: rank }, (_, row) => Array.from(typedArray(a).subarray(row * width, (row + 1) * width)));
}

function rowsOfB({ rank, scaling, b }: ModuleWeights): number[][] {
  const values = typedArray(b);
  return Array.from({ length: rank }, (_, row) =>
    Array.from({ length: b.shape[0] ?? 0 }, (__, out) => scaling * (values[out * rank + row] ?? NaN)),
  );
}

/** The first rows belong to another adapter. */
function stack(rows: readonly number[][], { rank, total }: { rank: number; total: number }): TensorData {
  const width = rows[0]?.length ?? 0;
  const values = new Float32Array(total * width).fill(0.5, 0, rank * width);
  rows.forEach((row, index) => values.set(row, (rank + index) * width));
  return tensorOf('float32', [total, width], values);
}

function training(expected: Tensors): { feeds: Record<string, TensorData>; targets: number } {
  const seq = tensorNamed(expected, 'labels').shape[1] ?? 0;
  const labels = Array.from(typedArray(tensorNamed(expected, 'labels')), Number);
  const rows = labels.flatMap((label, index) => (label !== -100 && index % seq > 0 ? [index - 1] : []));
  const int64 = (values: readonly number[]): TensorData => tensorOf('int64', [values.length], values);
  const ids = int64(rows.map((row) => labels[row + 1] ?? 0));
  const feeds = { input_ids: tensorNamed(expected, 'input_ids'), target_rows: int64(rows), target_ids: ids };
  return { feeds, targets: rows.length };
}

function addGradients(model: Model, inputs: readonly string[]): string[] {
  const value = (name: string): Value => {
    const found = model.graph.value(name);
    if (found === undefined) throw new Error(`the graph has no ${name}`);
    return found;
  };
  const parameters = inputs.map(value);
  const gradients = differentiate(model, { loss: value('loss_sum'), parameters });
  return parameters.map((parameter) => {
    const gradient = gradients.get(parameter);
    if (gradient === undefined) throw new Error(`no gradient of ${parameter.name}`);
    return model.graph.addOutput(gradient).name;
  });
}

/** PEFT's gradients by our names and in our order. */
async function peftGradients(expected: Tensors, { modules }: Adapter): Promise<Record<string, TensorData>> {
  const found: Record<string, TensorData> = {};
  for (const [path, { kind, rank, experts = 1, a, b }] of modules) {
    const gradient = (part: 'A' | 'B'): TensorOf<'float32'> => {
      const module = path.slice(0, path.lastIndexOf('.'));
      const isInner = path.endsWith('up_proj') && modules.has(`${module}.down_proj`);
      const name = kind === 'experts' ? `${module}${isInner ? '.base_layer' : ''}` : path;
      const { shape, ...tensor } = tensorNamed(expected, `grad.base_model.model.${name}.lora_${part}.weight`);
      return tensorOf('float32', shape, toFloat32({ shape, ...tensor }));
    };
    const pair = { a: gradient('A'), b: gradient('B') };
    const sizes = { experts, rank, in: (a.shape[1] ?? 0) / experts, out: (b.shape[0] ?? 0) / experts };
    const own = kind === 'experts' ? await fromPeftExperts(pair, sizes) : pair;
    found[`${path}.lora_A`] = own.a;
    found[`${path}.lora_B`] = own.b;
  }
  return found;
}

/** The largest difference of logits where there is no padding. @param reference  the tensor that a row should equal */
function farthest(logits: TensorData | undefined, expected: Tensors, reference: (row: number) => string): number {
  const [batch = 0, seq = 0] = tensorNamed(expected, 'input_ids').shape;
  const mask = Array.from(typedArray(tensorNamed(expected, 'attention_mask')), Number);
  const values = logits ? toFloat32(logits) : new Float32Array();
  const width = values.length / (batch * seq);
  return mask.reduce((most, isReal, token) => {
    if (isReal === 0) return most;
    const wanted = toFloat32(tensorNamed(expected, reference(Math.floor(token / seq))));
    const [start, end] = [token * width, (token + 1) * width];
    return Math.max(most, difference(values.subarray(start, end), wanted.subarray(start, end)));
  }, 0);
}

function difference(actual: Float32Array, wanted: Float32Array): number {
  if (actual.length !== wanted.length) return Infinity;
  return wanted.reduce((most, value, index) => Math.max(most, Math.abs(value - (actual[index] ?? NaN))), 0);
}

function tensorNamed(tensors: Tensors | Record<string, TensorData>, name: string): TensorData {
  const tensor = tensors instanceof Map ? tensors.get(name) : (tensors as Record<string, TensorData>)[name];
  if (tensor === undefined) throw new Error(`there is no ${name}`);
  return tensor;
}
