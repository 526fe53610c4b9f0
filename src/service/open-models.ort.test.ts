import { mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench } from '../batching/testing/open-test-model.ts';
import { createModel, int, Tape } from '../ir/index.ts';
import { dataTypeNumber, tensorOf, toFloat32 } from '../tensor/index.ts';
import { openModels, type ModelsOptions, type ModelsService } from './open-models.ts';

let bench: Bench;
let service: ModelsService | undefined;
beforeEach(async () => {
  bench = await Bench.open();
});
afterEach(async () => {
  await service?.dispose();
  service = undefined;
  await bench.close();
});

/** y = x + w, where w are whole numbers in a file of their own: no float of the model lies in any file. */
async function write(name: string): Promise<string> {
  const location = `${name}.data`;
  await writeFile(join(bench.folder, location), Uint8Array.of(1, 2, 3, 4));
  const model = createModel({ graphName: name });
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', ['batch', 4]);
  const w = model.graph.addInitializer('w', {
    kind: 'external',
    location,
    offset: 0,
    length: 4,
    dtype: 'uint8',
    shape: [4],
  });
  const floats = tape.op('Cast', [w], { attributes: { to: int(dataTypeNumber('float32')) } });
  model.graph.addOutput(tape.op('Add', [x, floats], { outputName: 'y' }));
  return bench.write(model, name);
}

async function serve(names: readonly string[], options: Partial<ModelsOptions> = {}): Promise<ModelsService['models']> {
  const models = await Promise.all(names.map(async (name) => ({ name, path: await write(name) })));
  const { environment } = bench;
  const limits = { adaptersFolder: undefined, maxBatch: undefined, maxWaitMs: undefined, memoryPlan: undefined };
  service = await openModels({ models, environment, isAlone: true, ...limits, ...options });
  return service.models;
}

async function answer(models: ModelsService['models'], name: string): Promise<number[]> {
  const model = models.get(name)?.model;
  const { outputs } =
    (await model?.infer({ inputs: new Map([['x', tensorOf('float32', [1, 4], [0, 0, 0, 0])]]) })) ?? {};
  const y = outputs?.get('y');
  return y === undefined ? [] : [...toFloat32(y)];
}

/** WHY in place: a file that is cut off ends the process that has it mapped. */
async function overwrite(name: string): Promise<void> {
  await using file = await open(join(bench.folder, `${name}.data`), 'r+');
  await file.write(Uint8Array.of(9, 9, 9, 9), 0, 4, 0);
}

describe('openModels', () => {
  it('serves no model whose file of integers was written to, and goes on with the others', async () => {
    const models = await serve(['one', 'two']);
    expect(await answer(models, 'one')).toEqual([1, 2, 3, 4]);
    await overwrite('one');
    await expect.poll(() => models.get('one')?.model.isReady, { interval: 5 }).toBe(false);
    await expect(answer(models, 'one')).rejects.toMatchObject({
      code: 'BASE_CHANGED',
      message: expect.stringContaining('one.data') as string,
    });
    expect(models.get('two')?.model.isReady).toBe(true);
    expect(await answer(models, 'two')).toEqual([1, 2, 3, 4]);
  });

  it('serves copies where it is told to, and removes them at the end', async () => {
    const copyBase = join(bench.folder, 'copies');
    await mkdir(copyBase);
    const models = await serve(['one', 'two'], { copyBase });
    await overwrite('one');
    await writeFile(join(bench.folder, 'two.data'), '');
    expect(await answer(models, 'one')).toEqual([1, 2, 3, 4]);
    expect(await answer(models, 'two')).toEqual([1, 2, 3, 4]);
    await service?.dispose();
    expect(await readdir(copyBase)).toEqual([]);
  });
});
