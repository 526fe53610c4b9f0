import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBaseModel } from '../../src/models/index.ts';
import { deviceTraffic, openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { resolveConfig } from '../../src/train/config/resolve-config.ts';
import { openBatches } from '../../src/train/data/open-batches.ts';
import { adapterTrainable } from '../../src/train/graph/adapter-trainable.ts';
import { createLossGraph } from '../../src/train/graph/loss-graph.ts';
import { LossSession } from '../../src/train/graph/loss-session.ts';
import { ParameterArena } from '../../src/train/graph/parameter-arena.ts';
import { loadGolden } from '../../src/train/testing/golden.ts';
import { onWebGpu } from './cases.ts';

let environment: Environment;
let folder: string;
beforeAll(async () => {
  environment = openEnvironment(onWebGpu);
  folder = await mkdtemp(join(tmpdir(), 'espalier-webgpu-'));
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
});

describe('the parameters of a training on a device', () => {
  it('are given to it where they may have changed, and not for the other passes of a step', async () => {
    const golden = await loadGolden('llama');
    const data = join(folder, 'rows.jsonl');
    await writeFile(data, golden.rows);
    const config = resolveConfig({ flags: { base: golden.base, data, output: '-', initAdapter: golden.adapter } });
    const base = await openBaseModel(golden.base);
    const trainable = await adapterTrainable(base, config);
    const { objective, data: rows } = await openBatches(base, config, { maxLength: 128 });
    const graph = await createLossGraph(base, { trainable, objective, maxLength: 128, gradients: true });
    using parameters = new ParameterArena(graph.parameters);
    using gradients = new ParameterArena(graph.parameters);
    await trainable.initialize(parameters);
    using session = await LossSession.open(graph, { environment, parameters, gradients });
    const bytes = 4 * parameters.entries.reduce((sum, { start, end }) => sum + end - start, 0);
    for await (const micro of rows.batches(100)) {
      const pass = async (sameParameters: boolean) => {
        const before = deviceTraffic().toDevice;
        const { lossSum } = await session.run(micro, { step: 0, microBatch: 0, sameParameters });
        return { lossSum, copied: deviceTraffic().toDevice - before };
      };
      const first = await pass(false);
      const again = await pass(true);
      expect(again.lossSum).toBe(first.lossSum);
      expect(first.copied - again.copied).toBe(bytes);
      parameters.flat.forEach((value, i, all) => (all[i] = 3 * value));
      // Not given: the device still has the ones before.
      expect((await pass(true)).lossSum).toBe(first.lossSum);
      expect((await pass(false)).lossSum).not.toBe(first.lossSum);
      return;
    }
    throw new Error('the golden case has a batch');
  });
});
