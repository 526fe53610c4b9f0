import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../core/index.ts';
import {
  encodeModel,
  loadModel,
  readConstant,
  runPasses,
  Tape,
  type Dim,
  type Model,
  type Value,
} from '../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../onnxruntime/index.ts';
import { elementCount, tensorOf, toFloat32, type TensorData } from '../tensor/index.ts';
import { differentiate } from './differentiate.ts';
import { gradientPasses } from './passes/index.ts';

const golden = fileURLToPath(new URL('../../test/golden', import.meta.url));

/** Every graph that another tool wrote, but for one that chooses its branch at run time. */
const files = readdirSync(golden, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.onnx') && !path.includes('merged'))
  // Graphs of older operator sets are differentiated after they are upgraded: test/old-opsets.ort.test.ts.
  .filter((path) => !path.startsWith('old-opsets'))
  .sort();

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

/** A graph whose float weights are inputs, with a loss, and values for every input. */
interface Open {
  readonly model: Model;
  readonly loss: Value;
  readonly weights: readonly Value[];
  readonly feeds: Readonly<Record<string, TensorData>>;
  readonly folder: string;
}

async function open(path: string): Promise<Open> {
  const folder = dirname(join(golden, path));
  const model = await loadModel(join(golden, path));
  // WHY: gradients begin at 16, and up to there the operators of these files did not change.
  if ((model.opsets.get('') ?? 0) < 16) model.opsets.set('', 16);
  const feeds: Record<string, TensorData> = {};
  for (const input of model.graph.inputs) feeds[input.name] = sample(input);
  const weights: Value[] = [];
  const initializers = [...model.graph.initializers.values()];
  for (const initializer of initializers) {
    const { constant, name, dtype, shape } = initializer;
    // WHY two axes: vectors of a graph may be positions and masks as well. Tables of angles and scales of integers are no weights.
    if (dtype !== 'float32' || constant === undefined || (shape?.length ?? 0) < 2 || /cos|sin|expand|scales/.test(name))
      continue;
    const weight = model.graph.addInput(`weight ${name}`, dtype, shape);
    feeds[weight.name] = await readConstant(constant, folder);
    model.graph.replaceAllUses(initializer, weight);
    weights.push(weight);
  }
  return { model, weights, feeds, folder, loss: lossOf(model) };
}

/** A sum of squares, the only output of the graph from now on. */
function lossOf(model: Model): Value {
  const [first] = model.graph.outputs;
  if (first === undefined) throw new Error('the graph has an output');
  for (const output of model.graph.outputs.slice()) model.graph.removeOutput(output);
  const loss = new Tape(model).op('ReduceSumSquare', [first], { attributes: { keepdims: 0 }, name: 'loss', shape: [] });
  return model.graph.addOutput(loss);
}

/** Two rows of three tokens without a past, or two images. */
function sample({ name, dtype, shape = [] }: Value): TensorData {
  const dims = shape.map(sizeOf);
  const count = elementCount(dims);
  const random = createRandom(2, name);
  if (dtype !== 'int64')
    return tensorOf(
      'float32',
      dims,
      Array.from({ length: count }, () => random.normal()),
    );
  if (/mask/.test(name))
    return tensorOf(
      'int64',
      dims,
      Array.from({ length: count }, () => 1),
    );
  const isPosition = /position/.test(name);
  const values = Array.from({ length: count }, (_, i) => (isPosition ? i % 3 : Math.floor(random.uniform() * 100)));
  return tensorOf('int64', dims, /token_type/.test(name) ? values.map((value) => value % 2) : values);
}

function sizeOf(dim: Dim): number {
  if (typeof dim === 'number') return dim;
  const sizes: Record<string, number> = { s15: 0, past_sequence_length: 0, s10: 2, s43: 2, kv_cache_dim: 16 };
  return sizes[dim ?? ''] ?? (dim?.startsWith('batch') === true ? 2 : 3);
}

describe.each(files.map((path) => [path]))('%s', (path) => {
  it('loses along the gradient of every weight as fast as that gradient says', async () => {
    const { model, weights, feeds, folder, loss } = await open(path);
    expect(weights.length).toBeGreaterThan(0);
    const reached = weights.filter((weight) => weight.isUsed);
    const gradients = differentiate(model, { loss, parameters: reached });
    const names = [...gradients].map(
      ([weight, gradient]) => [weight.name, model.graph.addOutput(gradient).name] as const,
    );
    runPasses(model, gradientPasses);
    using session = await environment.createSession(encodeModel(model), { externalDataFolder: folder });
    const known = new Set(session.inputs.map(({ name }) => name));
    const run = async (changed: Record<string, TensorData>, outputs: string[]): Promise<Record<string, TensorData>> => {
      const given = Object.entries({ ...feeds, ...changed }).filter(([name]) => known.has(name));
      return runOnce(session, Object.fromEntries(given), outputs);
    };
    const found = await run(
      {},
      names.map(([, gradient]) => gradient),
    );
    const slope = names.reduce((sum, [, gradient]) => sum + squaredNorm(found[gradient]), 0);
    const step = 1e-3 / Math.sqrt(slope);
    const lossAt = async (distance: number): Promise<number> => {
      const moved = names.map(
        ([weight, gradient]) => [weight, movedBy(feeds[weight], found[gradient], distance)] as const,
      );
      const result = await run(Object.fromEntries(moved), [loss.name]);
      return toFloat32(result[loss.name] ?? tensorOf('float32', [1], [NaN]))[0] ?? NaN;
    };
    const measured = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
    expect(slope).toBeGreaterThan(0);
    expect(Math.abs(measured / slope - 1)).toBeLessThan(1e-2);
  });
});

it('names the branch that is chosen at run time, where a graph has one', async () => {
  const { model, loss } = await open('llama-d16/merged/decoder_model_merged.onnx');
  const [past] = model.graph.inputs.filter(({ name }) => name.startsWith('past'));
  if (past === undefined) throw new Error('the graph has past keys');
  expect(() => differentiate(model, { loss, parameters: [past] })).toThrow(/operator If at node/);
});

function squaredNorm(tensor: TensorData | undefined): number {
  return tensor ? toFloat32(tensor).reduce((sum, value) => sum + value * value, 0) : NaN;
}

function movedBy(tensor: TensorData | undefined, by: TensorData | undefined, distance: number): TensorData {
  if (tensor === undefined || by === undefined) throw new Error('every weight has values and a gradient');
  const steps = toFloat32(by);
  return tensorOf(
    'float32',
    tensor.shape,
    toFloat32(tensor).map((value, i) => value + distance * (steps[i] ?? NaN)),
  );
}
