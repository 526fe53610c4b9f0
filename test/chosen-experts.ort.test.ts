import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { differentiate, gradientPasses } from '../src/autodiff/index.ts';
import { encodeModel, runPasses, type Model, type Node, type Value } from '../src/ir/index.ts';
import { injectLora } from '../src/lora/index.ts';
import { buildScoringGraph, buildTrainingGraph, openBaseModel, type BaseModel } from '../src/models/index.ts';
import { openEnvironment, runOnce, type Environment } from '../src/onnxruntime/index.ts';
import { tensorOf, type TensorData } from '../src/tensor/index.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

const int64 = (values: readonly number[], shape = [values.length]): TensorData => tensorOf('int64', shape, values);
const tokens = [5, 17];
const ids = int64(tokens, [1, tokens.length]);

/** A part of a matrix product that belongs to one expert. */
const ofExpert = /layers\.(\d+)\.[a-z_.]*experts\.(\d+)\./;

/** A checkpoint with matrices for each expert, and one with a tensor for all experts of a layer. */
describe.each(['mixtral', 'qwen3-moe-stacked'])('of %s, the experts that no token chose', (name) => {
  let base: BaseModel;
  let perToken: number;
  let count: number;
  beforeAll(async () => {
    base = await openBaseModel(fileURLToPath(new URL(`golden/families/${name}/model`, import.meta.url)));
    const mixture = base.modules.find(({ kind }) => kind === 'experts');
    if (mixture?.experts === undefined) throw new Error(`${name} has no experts`);
    count = mixture.experts;
    perToken = name === 'mixtral' ? 2 : 3;
  });

  it('multiply nothing in the forward pass, and the others the rows of their tokens alone', async () => {
    const work = await measure(base, buildScoringGraph(base), { input_ids: ids, rows: int64([0, 1]) });
    for (const experts of work.values()) {
      expect(experts).toHaveLength(count);
      const rows = experts.map(({ products }) => Math.max(...products.map((product) => product.rows)));
      expect(rows.reduce((sum, value) => sum + value)).toBe(tokens.length * perToken);
      expect(rows.includes(0)).toBe(true);
      for (const [expert, { products }] of experts.entries()) {
        // Gate and up are one product, or two.
        expect(products.length).toBeGreaterThan(1);
        for (const product of products) expect(product.rows).toBe(rows[expert]);
      }
    }
  });

  it('multiply nothing in training either, forwards and backwards', async () => {
    const model = buildTrainingGraph(base);
    const first = base.modules.find(({ path }) => path.endsWith('layers.0.self_attn.q_proj'));
    if (first === undefined) throw new Error(`${name} has no queries`);
    const { inputs } = injectLora(model, { modules: [{ path: first.path, rank: 1, scaling: 1 }] });
    const value = (of: string): Value => {
      const found = model.graph.value(of);
      if (found === undefined) throw new Error(`the graph has no ${of}`);
      return found;
    };
    const gradients = differentiate(model, { loss: value('loss_sum'), parameters: inputs.map(value) });
    for (const gradient of gradients.values()) model.graph.addOutput(gradient);
    runPasses(model, gradientPasses);
    const matrix = (shape: [number, number]): TensorData =>
      tensorOf('float32', shape, new Float32Array(shape[0] * shape[1]).fill(0.1));
    const feeds = {
      input_ids: ids,
      target_rows: int64([0]),
      target_ids: int64([3]),
      [`${first.path}.lora_A`]: matrix([1, first.in]),
      [`${first.path}.lora_B`]: matrix([first.out, 1]),
    };
    const forward = await measure(base, buildTrainingGraph(base), feeds);
    const work = await measure(base, model, feeds);
    const sum = (all: Work): number =>
      [...all.values()].flat().reduce((total, { products }) => total + products.length, 0);
    expect(sum(work)).toBeGreaterThan(1.5 * sum(forward));
    for (const experts of work.values()) {
      const used = experts.filter(({ products }) => products.some((product) => product.work > 0));
      expect(used.length).toBeLessThan(count);
      for (const { products } of used) expect(products.every((product) => product.work > 0)).toBe(true);
    }
  });
});

interface ExpertWork {
  /** The rows of the first matrix of each product, and its multiplications. */
  readonly products: readonly { readonly rows: number; readonly work: number }[];
}

/** The products of each expert, by layer. */
type Work = ReadonlyMap<string, readonly ExpertWork[]>;

/** Runs a graph, and looks at the shapes that the products of experts had. */
async function measure(base: BaseModel, model: Model, feeds: Record<string, TensorData>): Promise<Work> {
  const products = model.graph.nodes.filter(({ opType }) => /^(MatMul|Gemm|FusedMatMul)$/.test(opType));
  const found = products.flatMap((node) => {
    const place = placeOf(node);
    return place === undefined ? [] : [{ node, ...place }];
  });
  for (const { node } of found) for (const value of [node.inputs[0], node.outputs[0]]) addOutput(model, value);
  const taken = Object.fromEntries(Object.entries(feeds).filter(([name]) => model.graph.value(name)?.isGraphInput));
  using session = await environment.createSession(encodeModel(model), { externalDataFolder: base.dir });
  const results = await runOnce(session, taken);
  const work = new Map<string, { products: { rows: number; work: number }[] }[]>();
  for (const { node, layer, expert } of found) {
    const [left, result] = [node.inputs[0], node.outputs[0]].map((value) => results[value?.name ?? '']?.shape ?? []);
    const layers = work.get(layer) ?? [];
    work.set(layer, layers);
    while (layers.length <= expert) layers.push({ products: [] });
    const size = (shape: readonly number[] = []): number => shape.reduce((all, dim) => all * dim, 1);
    layers[expert]?.products.push({ rows: left?.[0] ?? NaN, work: size(left) * size(result) });
  }
  return work;
}

/** The layer and the expert of a product, by the names of what it reads and gives. */
function placeOf({ name, inputs, outputs }: Node): { layer: string; expert: number } | undefined {
  const names = [name, ...[...inputs, ...outputs].map((value) => value?.name ?? '')];
  const [, layer, expert] = names.map((each) => ofExpert.exec(each)).find((match) => match !== null) ?? [];
  return layer === undefined ? undefined : { layer, expert: Number(expert) };
}

function addOutput({ graph }: Model, value: Value | undefined): void {
  if (value && !value.isGraphOutput && !value.isGraphInput) graph.addOutput(value);
}
