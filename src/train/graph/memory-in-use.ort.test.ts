import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { gradientKey, recomputedKey } from '../../autodiff/index.ts';
import { decodeModel, inferShapes } from '../../ir/index.ts';
import { createRandomBase, openBaseModel } from '../../models/index.ts';
import { tinyConfig } from '../../models/testing/fixtures.ts';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { mostInUse } from '../../onnxruntime/testing/most-in-use.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import type { MicroBatch } from '../data/micro-batch.ts';
import { openBatches } from '../data/open-batches.ts';
import { batchDims } from '../memory/batch-dims.ts';
import { graphMemory } from '../memory/graph-memory.ts';
import { adapterTrainable } from './adapter-trainable.ts';
import { createLossGraph } from './loss-graph.ts';
import { LossSession } from './loss-session.ts';
import { ParameterArena } from './parameter-arena.ts';

const config = { ...tinyConfig, layers: 16, hiddenSize: 64, intermediateSize: 512, vocabSize: 4096 };
const tokens = 48;

let environment: Environment;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-train-'));
  environment = openEnvironment({ threads: 1 });
  await createRandomBase({ config, dir: join(folder, 'base'), seed: 2 });
  const row = { input_ids: Array.from({ length: tokens }, (_, i) => 7 * i + 3) };
  await writeFile(join(folder, 'rows.jsonl'), JSON.stringify(row));
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
});

interface Pass {
  readonly used: number;
  /** What `--dry-run` counts. */
  readonly predicted: number;
  readonly gradients: Float32Array;
  /** The values behind the layers that are computed again. */
  readonly ends: readonly (string | undefined)[];
}

async function onePass(options: { readonly recompute: boolean }): Promise<Pass> {
  const base = await openBaseModel(join(folder, 'base'));
  const flags = { base: base.dir, data: join(folder, 'rows.jsonl'), output: '-', rank: 4 };
  const trainable = await adapterTrainable(base, resolveConfig({ flags }));
  const { objective, data } = await openBatches(base, resolveConfig({ flags }), { maxLength: tokens });
  const settings = { trainable, objective, maxLength: tokens, gradients: true, logitRows: 16, pack: false };
  const graph = await createLossGraph(base, { ...settings, ...options });
  let micro: MicroBatch | undefined;
  for await (const batch of data.batches(1)) micro = batch;
  if (micro === undefined) throw new Error('there is a row');
  using parameters = new ParameterArena(graph.parameters);
  using gradients = new ParameterArena(graph.parameters);
  for (let i = 0; i < parameters.flat.length; i++) parameters.flat[i] = 0.05 * Math.sin(i);
  const created = vi.spyOn(environment, 'createSession');
  using session = await LossSession.open(graph, { environment, parameters, gradients });
  await session.run(micro);
  const opened = await created.mock.results.at(-1)?.value;
  const model = decodeModel(graph.bytes);
  inferShapes(model);
  const { activations } = graphMemory(model, { dims: batchDims(model, micro), tokens, packs: false });
  const gates = model.graph.nodes.filter(
    ({ name, metadata }) => name.startsWith('recompute/') && !metadata.has(recomputedKey),
  );
  return {
    used: mostInUse(opened),
    predicted: activations,
    gradients: gradients.flat.slice(),
    ends: [...new Set(gates.map(({ metadata }) => metadata.get(gradientKey)))],
  };
}

describe('the memory of a pass that computes layers again', () => {
  it('is not held for the same layer in the backward pass', async () => {
    const { used, predicted } = await onePass({ recompute: true });
    expect(used / predicted).toBeLessThan(1.1);
  });

  it('has one value for each layer but the last, whose feed-forward part comes first, and the gradients have the same bits', async () => {
    const { ends, gradients } = await onePass({ recompute: true });
    const sums = ends.filter((name) => name?.includes('/Add'));
    const last = config.layers - 1;
    const feedForward = Array.from({ length: last }, (_, layer) => `model.layers.${layer}/Add_1`);
    expect(sums.toSorted()).toEqual([...feedForward, `model.layers.${last}/Add`].toSorted());
    expect(gradients).toEqual((await onePass({ recompute: false })).gradients);
    expect(gradients.some((each) => each !== 0)).toBe(true);
  });
});
