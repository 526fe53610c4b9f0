import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
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

const config = { ...tinyConfig, layers: 4, hiddenSize: 64, intermediateSize: 512, vocabSize: 4096 };
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

/** The bytes in use at most in one pass that computes layers again, and those that `--dry-run` counts. */
async function onePass(): Promise<{ readonly used: number; readonly predicted: number }> {
  const base = await openBaseModel(join(folder, 'base'));
  const flags = { base: base.dir, data: join(folder, 'rows.jsonl'), output: '-', rank: 4 };
  const trainable = await adapterTrainable(base, resolveConfig({ flags }));
  const { objective, data } = await openBatches(base, resolveConfig({ flags }), { maxLength: tokens });
  const options = { trainable, objective, maxLength: tokens, gradients: true, recompute: true, logitRows: 16 };
  const graph = await createLossGraph(base, options);
  let micro: MicroBatch | undefined;
  for await (const batch of data.batches(1)) micro = batch;
  if (micro === undefined) throw new Error('there is a row');
  using parameters = new ParameterArena(graph.parameters);
  using gradients = new ParameterArena(graph.parameters);
  const created = vi.spyOn(environment, 'createSession');
  using session = await LossSession.open(graph, { environment, parameters, gradients });
  await session.run(micro);
  const opened = await created.mock.results.at(-1)?.value;
  const model = decodeModel(graph.bytes);
  inferShapes(model);
  const { activations } = graphMemory(model, { dims: batchDims(model, micro), tokens, packs: false });
  return { used: mostInUse(opened), predicted: activations };
}

describe('the memory of a pass that computes layers again', () => {
  it('is not held for the same layer in the backward pass', async () => {
    const { used, predicted } = await onePass();
    expect(used / predicted).toBeLessThan(1.1);
  });
});
