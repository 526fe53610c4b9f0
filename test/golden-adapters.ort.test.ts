import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differentiate, gradientPasses } from '../src/autodiff/index.ts';
import { runPasses, type Model } from '../src/ir/index.ts';
import { initFromWeights, injectLora, readSquaredNorms, type Adapter, type LoraModule } from '../src/lora/index.ts';
import { loadPeftAdapter } from '../src/adapter-files/index.ts';
import {
  buildScoringGraph,
  buildTrainingGraph,
  embeddingsOf,
  openBaseModel,
  type BaseModel,
} from '../src/models/index.ts';
import {
  goldenLimit,
  reported,
  goldenCasesHere,
  openGoldenEnvironment,
  openGoldenSession,
} from '../src/models/testing/golden-provider.ts';
import { runOnce, type Environment } from '../src/onnxruntime/index.ts';
import { loadSafetensors, tensorOf, toFloat32, typedArray, type TensorData } from '../src/tensor/index.ts';

const golden = (path: string): string => fileURLToPath(new URL(`golden/${path}`, import.meta.url));

let environment: Environment;
beforeAll(() => {
  environment = openGoldenEnvironment();
});
afterAll(() => environment.dispose());

interface AdapterCase {
  readonly base: BaseModel;
  readonly expected: ReadonlyMap<string, TensorData>;
}

async function openCase(name: string): Promise<AdapterCase> {
  const { model } = JSON.parse(await readFile(golden(`adapters/${name}/expected.json`), 'utf8')) as { model: string };
  const { tensors } = await loadSafetensors(golden(`adapters/${name}/expected.safetensors`));
  return { base: await openBaseModel(golden(`${model}/model`)), expected: tensors };
}

/** What a graph takes of an adapter, and what is fed to it. */
async function modulesOf(model: Model, base: BaseModel, { modules, config }: Adapter): Promise<LoraModule[]> {
  const norms =
    config.useDora === true ? await readSquaredNorms(model, [...modules.keys()], { folder: base.dir }) : undefined;
  return [...modules].map(([path, { rank, scaling }]) => {
    const squaredNorms = norms?.get(path);
    return { path, rank, scaling, ...(squaredNorms && { dora: { squaredNorms } }) };
  });
}

function feedsOf({ modules }: Adapter): Record<string, TensorData> {
  return Object.fromEntries(
    [...modules].flatMap(([path, { a, b, magnitude }]) => [
      [`${path}.lora_A`, a],
      [`${path}.lora_B`, b],
      ...(magnitude ? [[`${path}.lora_magnitude`, magnitude] as const] : []),
    ]),
  );
}

function tensorNamed(tensors: ReadonlyMap<string, TensorData> | Record<string, TensorData>, name: string): TensorData {
  const tensor = tensors instanceof Map ? tensors.get(name) : (tensors as Record<string, TensorData>)[name];
  if (tensor === undefined) throw new TypeError(`there is no ${name}`);
  return tensor;
}

async function logitsOf({ base, expected }: AdapterCase, adapter: Adapter): Promise<Float32Array> {
  const model = buildScoringGraph(base);
  injectLora(model, { modules: await modulesOf(model, base, adapter) });
  const ids = tensorNamed(expected, 'input_ids');
  const count = typedArray(ids).length;
  const rows = tensorOf(
    'int64',
    [count],
    Int32Array.from({ length: count }, (_, i) => i),
  );
  using session = await openGoldenSession(model, { environment, baseDir: base.dir });
  const outputs = await runOnce(session, { input_ids: ids, rows, ...feedsOf(adapter) });
  return toFloat32(tensorNamed(outputs, 'logits'));
}

function largestError(actual: Float32Array, expected: Float32Array): number {
  return actual.length === expected.length
    ? Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] ?? NaN))))
    : NaN;
}

/** Positions that predict a target, and the targets; a row's position predicts the next token of its row. */
function batchOf(expected: ReadonlyMap<string, TensorData>): { feeds: Record<string, TensorData>; targets: number } {
  const ids = tensorNamed(expected, 'input_ids');
  const labels = Array.from(typedArray(tensorNamed(expected, 'labels')), Number);
  const length = ids.shape[1] ?? 0;
  const rows = labels.flatMap((_, i) => ((i + 1) % length !== 0 && labels[i + 1] !== -100 ? [i] : []));
  const int64 = (values: readonly number[]): TensorData => tensorOf('int64', [values.length], values);
  const targets = rows.map((row) => labels[row + 1] ?? NaN);
  return { feeds: { input_ids: ids, target_rows: int64(rows), target_ids: int64(targets) }, targets: targets.length };
}

/** The name in PEFT of a graph's input. */
function peftNameOf(input: string, expected: ReadonlyMap<string, TensorData>): string {
  const name = `grad.base_model.model.${input}`;
  const candidates = [name, `${name}.weight`, name.replace('.lora_', '.lora_embedding_'), `${name}_vector`];
  return candidates.find((candidate) => expected.has(candidate)) ?? name;
}

async function gradientErrors(one: AdapterCase, adapter: Adapter): Promise<Record<string, number>> {
  const { base, expected } = one;
  const model = buildTrainingGraph(base);
  const { inputs } = injectLora(model, { modules: await modulesOf(model, base, adapter) });
  const parameters = inputs.map((name) => valueOf(model, name));
  const loss = valueOf(model, 'loss_sum');
  const gradients = differentiate(model, { loss, parameters });
  const names = parameters.map((parameter) => {
    const gradient = gradients.get(parameter);
    if (gradient === undefined) throw new TypeError(`no gradient of ${parameter.name}`);
    return model.graph.addOutput(gradient).name;
  });
  runPasses(model, gradientPasses);
  using session = await openGoldenSession(model, { environment, baseDir: base.dir });
  const { feeds, targets } = batchOf(expected);
  const results = await runOnce(session, { ...feeds, ...feedsOf(adapter) }, names);
  return Object.fromEntries(
    inputs.map((input, i) => {
      const wanted = toFloat32(tensorNamed(expected, peftNameOf(input, expected)));
      const actual = toFloat32(tensorNamed(results, names[i] ?? '')).map((value) => value / targets);
      return [input, largestError(actual, wanted) / Math.max(...wanted.map(Math.abs))];
    }),
  );
}

function valueOf({ graph }: Model, name: string): Parameters<Model['graph']['addOutput']>[0] {
  const value = graph.value(name);
  if (value === undefined) throw new TypeError(`the graph has no ${name}`);
  return value;
}

const cases = [
  'rslora-patterns',
  'layers-and-exclusions',
  'dora',
  'dora-gpt2',
  'embeddings-untied',
  'embeddings-tied',
  'head-tied',
  'gpt2-tables',
];

describe.each(goldenCasesHere(cases))('an adapter of PEFT: %s', (name) => {
  it('has the logits of PEFT', async () => {
    const one = await openCase(name);
    const adapter = await loadPeftAdapter(golden(`adapters/${name}/adapter`), one.base.modules, one.base);
    const expected = toFloat32(tensorNamed(one.expected, 'logits'));
    expect(reported(largestError(await logitsOf(one, adapter), expected), `adapters/${name}: logits`)).toBeLessThan(
      goldenLimit(1e-4),
    );
  });

  it('has the gradients of PEFT, all of them', async () => {
    const one = await openCase(name);
    const adapter = await loadPeftAdapter(golden(`adapters/${name}/adapter`), one.base.modules, one.base);
    const errors = await gradientErrors(one, adapter);
    const wanted = [...one.expected.keys()].filter((key) => key.startsWith('grad.'));
    expect(Object.keys(errors)).toHaveLength(wanted.length);
    expect(reported(Math.max(...Object.values(errors)), `adapters/${name}: gradients`)).toBeLessThan(goldenLimit(1e-4));
  });
});

describe.each(goldenCasesHere(['dora', 'dora-gpt2', 'pissa', 'pissa-rslora-gpt2', 'olora']))(
  'what PEFT trained: %s',
  (name) => {
    it('has the logits of PEFT on the base as it was', async () => {
      const one = await openCase(name);
      const adapter = await loadPeftAdapter(golden(`adapters/${name}/trained`), one.base.modules, one.base);
      const expected = toFloat32(tensorNamed(one.expected, 'trained_logits'));
      expect(reported(largestError(await logitsOf(one, adapter), expected), `adapters/${name}: logits`)).toBeLessThan(
        goldenLimit(1e-4),
      );
    });
  },
);

const unconverted = ['pissa-unconverted', 'pissa-dora-unconverted', 'olora-unconverted'];

describe.each(goldenCasesHere(unconverted))('what PEFT trained and saved without conversion: %s', (name) => {
  it('has the logits of PEFT on the base as it was', async () => {
    const one = await openCase(name);
    const options = { embeddings: embeddingsOf(one.base) };
    const adapter = await loadPeftAdapter(golden(`adapters/${name}/adapter`), one.base.modules, options);
    const expected = toFloat32(tensorNamed(one.expected, 'logits'));
    expect(reported(largestError(await logitsOf(one, adapter), expected), `adapters/${name}: logits`)).toBeLessThan(
      goldenLimit(1e-4),
    );
  });
});

describe.each([
  ['pissa', { rank: 2, alpha: 4, targetModules: ['q_proj', 'v_proj'] }, { method: 'pissa' }],
  ['pissa-rslora-gpt2', { rank: 2, alpha: 4, targetModules: ['c_attn'], useRslora: true }, { method: 'pissa' }],
  ['olora', { rank: 2, alpha: 4, targetModules: ['q_proj', 'down_proj'] }, { method: 'olora' }],
] as const)("an adapter that begins with the base's weights: %s", (name, config, start) => {
  it('begins as in PEFT', async () => {
    const { base, expected } = await openCase(name);
    const options = { start, model: buildScoringGraph(base), folder: base.dir, seed: 1 };
    const modules = await initFromWeights(base.modules, { dropout: 0, ...config }, options);
    const products = [...expected.keys()].filter((key) => key.startsWith('product.'));
    const errors = products.map((key) => {
      const module = modules.get(key.slice('product.'.length));
      const wanted = toFloat32(tensorNamed(expected, key));
      return module ? largestError(productOf(module), wanted) / Math.max(...wanted.map(Math.abs)) : NaN;
    });
    expect(modules.size).toBe(products.length);
    expect(Math.max(...errors)).toBeLessThan(1e-5);
  });
});

/** B·A */
function productOf({ rank, a, b }: { rank: number; a: TensorData; b: TensorData }): Float32Array {
  const [A, B, width] = [toFloat32(a), toFloat32(b), a.shape[1] ?? 0];
  return Float32Array.from({ length: (b.shape[0] ?? 0) * width }, (_, i) => {
    const [o, column] = [Math.floor(i / width), i % width];
    return Array.from({ length: rank }, (__, r) => (B[o * rank + r] ?? NaN) * (A[r * width + column] ?? NaN)).reduce(
      (sum, value) => sum + value,
      0,
    );
  });
}
