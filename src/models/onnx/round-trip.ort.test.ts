import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { decodeModel, encodeModel } from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../../tensor/index.ts';
import { goldenDir } from '../testing/fixtures.ts';
import { maxDifference } from '../testing/golden.ts';
import { openOnnxModel } from './open-onnx-model.ts';
import { feedsFor } from './testing/run-file.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

const root = goldenDir('.');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.onnx'));
const rows = tensorOf('int64', [2, 5], [5, 9, 2, 17, 3, 8, 8, 1, 0, 4]);

it('finds the files of every exporter', () => {
  expect(files.length).toBeGreaterThanOrEqual(11);
});

describe.each(files)('%s', (file) => {
  const path = join(root, file);

  async function run(bytes: Uint8Array, folder: string): Promise<Record<string, TensorData>> {
    using session = await environment.createSession(bytes, { externalDataFolder: folder });
    return runOnce(session, feedsFor(decodeModel(await readFile(path)), rows));
  }

  it('gives the same outputs after it was decoded and encoded', async () => {
    const bytes = await readFile(path);
    const again = await run(encodeModel(decodeModel(bytes)), dirname(path));
    expect(again).toEqual(await run(bytes, dirname(path)));
  });

  it('gives the same outputs as a flat copy', async () => {
    const { dir, build } = await openOnnxModel(path);
    const own = await run(await readFile(path), dirname(path));
    const copied = await run(encodeModel(build()), dir);
    expect(Object.keys(copied)).toEqual(Object.keys(own));
    for (const [name, tensor] of Object.entries(own)) {
      const other = copied[name];
      expect(other?.shape).toEqual(tensor.shape);
      expect(maxDifference(other ? toFloat32(other) : [], toFloat32(tensor))).toBeLessThan(1e-5);
    }
  });
});
