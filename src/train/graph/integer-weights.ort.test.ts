import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../../core/testing/cross-section.ts';
import { createRandom } from '../../core/index.ts';
import { gradientKey, recomputedKey } from '../../autodiff/index.ts';
import { narrowActivations } from '../../execution/kernels/narrow-activations.ts';
import { decodeModel, inferShapes, runPasses } from '../../ir/index.ts';
import { createRandomBase, openBaseModel } from '../../models/index.ts';
import { tinyConfig } from '../../models/testing/fixtures.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { quantizeBase } from '../../quantize/index.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { openBatches } from '../data/open-batches.ts';
import { batchDims } from '../memory/batch-dims.ts';
import { graphMemory } from '../memory/graph-memory.ts';
import { adapterTrainable } from './adapter-trainable.ts';
import { createLossGraph, type LossGraph } from './loss-graph.ts';
import { LossSession } from './loss-session.ts';
import { ParameterArena } from './parameter-arena.ts';

/** WHY so wide: ONNX Runtime's kernel for packed weights divides sums of more than 128 terms in another way than that for others. */
const wide = { ...tinyConfig, layers: 3, hiddenSize: 320, intermediateSize: 576 };

let environment: Environment;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-train-'));
  environment = openEnvironment({ threads: 1 });
  await createRandomBase({ config: wide, dir: join(folder, 'floats'), seed: 2 });
  const floats = await openBaseModel(join(folder, 'floats'));
  const settings = { bits: 8, blockSize: 32, keep: [], activations: 'int8' } as const;
  await quantizeBase(floats, join(folder, 'int8'), { ...settings, scheme: 'int8' });
  await quantizeBase(floats, join(folder, 'blocks'), { ...settings, scheme: 'blocks', bits: 4 });
  const random = createRandom(4, 'rows');
  const ids = (): number[] => Array.from({ length: 12 }, () => Math.floor(random.uniform() * wide.vocabSize));
  await writeFile(
    join(folder, 'rows.jsonl'),
    [ids(), ids()].map((row) => JSON.stringify({ input_ids: row })).join('\n'),
  );
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
});

interface Built {
  readonly graph: LossGraph;
  readonly micro: MicroBatch;
}

interface Building {
  readonly recompute: boolean;
  readonly roundProducts?: boolean;
}

async function build(name: 'int8' | 'blocks', options: Building): Promise<Built> {
  const base = await openBaseModel(join(folder, name));
  const config = resolveConfig({ flags: { base: base.dir, data: join(folder, 'rows.jsonl'), output: '-', rank: 4 } });
  const trainable = await adapterTrainable(base, config);
  const { objective, data } = await openBatches(base, config, { maxLength: 16 });
  const graph = await createLossGraph(base, { ...options, trainable, objective, maxLength: 16, gradients: true });
  let micro: MicroBatch | undefined;
  for await (const batch of data.batches(2)) micro ??= batch;
  if (micro === undefined) throw new Error('there are two rows');
  return { graph, micro };
}

/** The gradients of one pass, and its loss as the last number. */
async function passOf(name: 'int8' | 'blocks', options: Building): Promise<Float32Array> {
  const { graph, micro } = await build(name, options);
  using parameters = new ParameterArena(graph.parameters);
  using gradients = new ParameterArena(graph.parameters);
  const random = createRandom(5, 'parameters');
  for (let i = 0; i < parameters.flat.length; i++) parameters.flat[i] = 0.05 * random.normal();
  using session = await LossSession.open(graph, { environment, parameters, gradients });
  const { lossSum } = await session.run(micro);
  const result = new Float32Array(gradients.flat.length + 1);
  result.set(gradients.flat);
  result[gradients.flat.length] = lossSum;
  return result;
}

describe('weights of integers', () => {
  it.each(crossSection(['int8', 'blocks'] as const, 2))(
    'of %s have the same bits when layers are computed again',
    async (name) => {
      const once = await passOf(name, { recompute: false });
      expect(await passOf(name, { recompute: true })).toEqual(once);
    },
  );

  it('of int8 are read transposed by the forward pass, in layers that are still found and computed again', async () => {
    const { graph, micro } = await build('int8', { recompute: true });
    const model = decodeModel(graph.bytes);
    const { nodes } = model.graph;
    const weights = nodes.filter(({ opType, metadata }) => opType === 'DequantizeLinear' && !metadata.has(gradientKey));
    expect(weights.length).toBeGreaterThan(7 * wide.layers);
    expect(weights.every(({ inputs: [bytes] }) => bytes?.producer?.opType === 'Transpose')).toBe(true);
    const memoryOf = ({ graph: of }: Built): number => {
      const decoded = decodeModel(of.bytes);
      inferShapes(decoded);
      return graphMemory(decoded, { dims: batchDims(decoded, micro), tokens: 24, packs: false }).activations;
    };
    const kept = memoryOf(await build('int8', { recompute: false }));
    expect(memoryOf({ graph, micro }) / kept).toBeLessThan(0.9);
  });

  it.each([
    ['int8', 0.1],
    ['blocks', 0.15],
  ] as const)('of %s multiply bytes, with the same bits when layers are computed again', async (name, bound) => {
    const once = await passOf(name, { recompute: false, roundProducts: true });
    expect(await passOf(name, { recompute: true, roundProducts: true })).toEqual(once);
    const exact = await passOf(name, { recompute: false });
    const distance = Math.hypot(...once.map((value, i) => value - (exact[i] ?? NaN))) / Math.hypot(...exact);
    expect(distance).toBeGreaterThan(1e-5);
    expect(distance).toBeLessThan(bound);
  });

  it('of blocks become bytes once for both products of a layer that is computed again', async () => {
    const { graph } = await build('blocks', { recompute: true, roundProducts: true });
    const { nodes, initializers } = decodeModel(graph.bytes).graph;
    const products = nodes.filter(({ opType }) => opType === 'MatMulIntegerToFloat');
    const repeated = new Set(products.flatMap(({ metadata }) => metadata.get(recomputedKey) ?? []));
    const backward = products.flatMap(({ metadata }) => metadata.get(gradientKey) ?? []);
    const forward = 7 * wide.layers + 1;
    expect(products).toHaveLength(forward + repeated.size + backward.length);
    // Nothing needs the gradient of the lowest layer's input, which three products read, and that of the head is not rounded.
    expect(backward).toHaveLength(forward - 3 - 1);
    expect(backward.filter((label) => repeated.has(label)).length).toBeGreaterThanOrEqual(5 * (wide.layers - 1) - 3);
    // The floats of the head are made once more, for its gradient.
    const made = forward + repeated.size + backward.filter((label) => !repeated.has(label)).length;
    expect(nodes.filter(({ opType }) => opType === 'DequantizeLinear')).toHaveLength(made + 1);
    expect([...initializers.values()].filter(({ isUsed }) => !isUsed).map(({ name }) => name)).toEqual([]);
  });

  it('of int8 multiply bytes in every product of the layers, whose levels can be made fewer', async () => {
    const { graph } = await build('int8', { recompute: true, roundProducts: true });
    const model = decodeModel(graph.bytes);
    inferShapes(model);
    const products = model.graph.nodes.filter(({ opType }) => opType === 'MatMulIntegerToFloat');
    const floats = model.graph.nodes.filter(({ inputs }) => inputs[1]?.producer?.opType === 'DequantizeLinear');
    expect(floats.map(({ label }) => label)).toEqual([]);
    expect(products.length).toBeGreaterThan(2 * 7 * wide.layers);
    const signed = products.filter(({ inputs }) => inputs[1]?.dtype === 'int8');
    const { changes } = runPasses(model, [narrowActivations]);
    expect([signed.length, changes.length]).toEqual([products.length, products.length]);
  });
});
