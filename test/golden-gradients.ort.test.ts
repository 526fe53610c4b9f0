import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../src/core/testing/cross-section.ts';
import { differentiate, gradientPasses } from '../src/autodiff/index.ts';
import { openGraph } from '../src/execution/index.ts';
import { encodeModel, runPasses, type Model, type Pass } from '../src/ir/index.ts';
import { injectLora, type Adapter } from '../src/lora/index.ts';
import { loadPeftAdapter } from '../src/adapter-files/index.ts';
import { buildTrainingGraph, openBaseModel, type BaseModel } from '../src/models/index.ts';
import { fullyTrained, goldenCases, trainedCases } from '../src/models/testing/golden-cases.ts';
import { openEnvironment, runOnce, type Environment } from '../src/onnxruntime/index.ts';
import { loadSafetensors, tensorOf, toFloat32, typedArray, type TensorData } from '../src/tensor/index.ts';

const golden = (path: string): string => fileURLToPath(new URL(`golden/${path}`, import.meta.url));

describe.each(crossSection(goldenCases, 8, 2))('golden case %s', (name) => {
  let environment: Environment;
  let base: BaseModel;
  let adapter: Adapter;
  let expected: ReadonlyMap<string, TensorData>;

  beforeAll(async () => {
    environment = openEnvironment({ threads: 1 });
    base = await openBaseModel(golden(`${name}/model`));
    adapter = await loadPeftAdapter(golden(`${name}/adapter`), base.modules);
    expected = (await loadSafetensors(golden(`${name}/expected.safetensors`))).tensors;
  });
  afterAll(() => environment.dispose());

  const passes: [string, readonly Pass[]] = ['after the passes', gradientPasses];
  const stages: [string, readonly Pass[]][] = trainedCases.includes(name)
    ? [['as differentiated', []], passes]
    : [passes];

  it.each(stages)("has PEFT's gradient of every A and B, %s", async (_, run) => {
    const { model, parameters } = trainingModel(base, adapter);
    expect(runPasses(model, run).modified).toBe(run.length > 0);
    using graph = await openGraph(model, { environment, baseDir: base.dir });
    const { session } = graph;
    const batch = batchOf(expected);
    const outputs = ['loss_sum', ...parameters.map(gradientName)];
    let feeds = adapterFeeds(adapter);
    const gradients = await runOnce(session, { ...batch.feeds, ...feeds }, outputs);
    const errors = parameters.map((parameter) => {
      const wanted = toFloat32(tensorNamed(expected, `grad.base_model.model.${parameter}.weight`));
      return relativeError(toFloat32(tensorNamed(gradients, gradientName(parameter))), wanted, 1 / batch.targets);
    });
    expect(errors).toHaveLength([...expected.keys()].filter((key) => key.startsWith('grad.')).length);
    expect(Math.max(...errors)).toBeLessThan(1e-4);
    const { lossTrace, learningRate }: Trace = JSON.parse(await readFile(golden(`${name}/expected.json`), 'utf8'));
    if (learningRate === undefined) return;
    let results = gradients;
    for (const loss of lossTrace) {
      expect((toFloat32(tensorNamed(results, 'loss_sum'))[0] ?? NaN) / batch.targets).toBeCloseTo(loss, 3);
      feeds = Object.fromEntries(
        Object.entries(feeds).map(([parameter, tensor]) => {
          const gradient = toFloat32(tensorNamed(results, gradientName(parameter)));
          return [parameter, movedBy(tensor, gradient, -learningRate / batch.targets)];
        }),
      );
      results = await runOnce(session, { ...batch.feeds, ...feeds }, outputs);
    }
  });

  it.runIf(fullyTrained.includes(name))('loses along every weight as fast as its gradient says', async () => {
    const model = buildTrainingGraph(base, { full: true });
    const inputs = new Set(model.graph.inputs.map(({ name: input }) => input));
    // The others are never trained, and stay in their files: what corrects the choice of experts.
    const weights = new Map([...(await readWeights(base))].filter(([weight]) => inputs.has(weight)));
    const parameters = addGradients(model, [...weights.keys()]);
    runPasses(model, gradientPasses);
    using session = await environment.createSession(encodeModel(model), { externalDataFolder: base.dir });
    const { feeds } = batchOf(expected);
    const results = await runOnce(session, { ...feeds, ...Object.fromEntries(weights) });
    const gradients = parameters.map(
      (weight) => [weight, toFloat32(tensorNamed(results, gradientName(weight)))] as const,
    );
    const slope = gradients.reduce((sum, [, gradient]) => sum + squaredNorm(gradient), 0);
    // The loss moves by 0.1 either way: far above the rounding of f32, and not yet bent.
    const step = 0.1 / slope;
    const lossAt = async (distance: number): Promise<number> => {
      const moved = gradients.map(([weight, by]) => [weight, movedBy(tensorNamed(weights, weight), by, distance)]);
      const { loss_sum: loss } = await runOnce(session, { ...feeds, ...Object.fromEntries(moved) }, ['loss_sum']);
      return loss ? (toFloat32(loss)[0] ?? NaN) : NaN;
    };
    const measured = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
    expect(Math.abs(measured / slope - 1)).toBeLessThan(1e-3);
  });
});

interface Trace {
  readonly lossTrace: readonly number[];
  /** Present if the trace has more than the first loss: that of stochastic gradient descent. */
  readonly learningRate?: number;
}

/** Every weight of the base in f32, by the name that its graphs give it. */
async function readWeights(base: BaseModel): Promise<Map<string, TensorData>> {
  const weights = new Map<string, TensorData>();
  for (const [name, { location, offset, length, dtype, shape }] of base.weights) {
    const file = await readFile(join(base.dir, location));
    const bytes = Uint8Array.from(file.subarray(offset, offset + length)); // aligned
    weights.set(name, tensorOf('float32', shape, toFloat32({ dtype, shape, bytes })));
  }
  return weights;
}

function squaredNorm(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}

function movedBy(tensor: TensorData, by: Float32Array, distance: number): TensorData {
  return tensorOf(
    'float32',
    tensor.shape,
    toFloat32(tensor).map((value, i) => value + distance * (by[i] ?? NaN)),
  );
}

function trainingModel(base: BaseModel, adapter: Adapter): { model: Model; parameters: string[] } {
  const model = buildTrainingGraph(base);
  const modules = [...adapter.modules].map(([path, { rank, scaling }]) => ({ path, rank, scaling }));
  const { inputs } = injectLora(model, { modules });
  return { model, parameters: addGradients(model, inputs) };
}

/** Makes the gradient of each parameter an output. */
function addGradients(model: Model, inputs: readonly string[]): string[] {
  const [loss] = model.graph.outputs;
  const parameters = inputs.flatMap((input) => model.graph.value(input) ?? []);
  if (loss === undefined) throw new Error('the training graph gives a loss');
  for (const [parameter, gradient] of differentiate(model, { loss, parameters })) {
    model.graph.rename(gradient, gradientName(parameter.name));
    model.graph.addOutput(gradient);
  }
  return inputs.slice();
}

function gradientName(parameter: string): string {
  return `gradient of ${parameter}`;
}

/** Each position predicts the token after it; a label of -100 counts nothing. */
function batchOf(expected: ReadonlyMap<string, TensorData>): { feeds: Record<string, TensorData>; targets: number } {
  const seq = tensorNamed(expected, 'labels').shape[1] ?? 0;
  const labels = Array.from(typedArray(tensorNamed(expected, 'labels')), Number);
  const rows = labels.flatMap((label, index) => (label !== -100 && index % seq > 0 ? [index - 1] : []));
  const ids = rows.map((row) => labels[row + 1] ?? 0);
  const feeds = {
    input_ids: tensorNamed(expected, 'input_ids'),
    target_rows: tensorOf('int64', [rows.length], rows),
    target_ids: tensorOf('int64', [rows.length], ids),
  };
  return { feeds, targets: rows.length };
}

function adapterFeeds(adapter: Adapter): Record<string, TensorData> {
  const parts = [...adapter.modules].flatMap(([path, { a, b }]) => [
    [`${path}.lora_A`, a] as const,
    [`${path}.lora_B`, b] as const,
  ]);
  return Object.fromEntries(parts);
}

/** The largest difference, relative to the largest element; `scale` makes the sum over targets their mean. */
function relativeError(actual: Float32Array, expected: Float32Array, scale: number): number {
  if (actual.length !== expected.length) return Infinity;
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return expected.reduce((max, value, i) => Math.max(max, Math.abs((actual[i] ?? NaN) * scale - value) / largest), 0);
}

function tensorNamed(tensors: ReadonlyMap<string, TensorData> | Record<string, TensorData>, name: string): TensorData {
  const tensor =
    tensors instanceof Map ? tensors.get(name) : Object.entries(tensors).find(([key]) => key === name)?.[1];
  if (tensor === undefined) throw new Error(`no tensor ${name}`);
  return tensor;
}
