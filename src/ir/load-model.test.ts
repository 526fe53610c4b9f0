import { copyFile, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tensorOf } from '../tensor/index.ts';
import { createModel } from './model.ts';
import { encodeModel } from './onnx/encode.ts';
import { followLinks, readConstant, resolveExternalData } from './external-data.ts';
import { loadModel } from './load-model.ts';
import { Tape } from './tape.ts';
import type { ExternalConstant } from './constant.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-ir-'));
});

afterEach(() => rm(folder, { recursive: true }));

const weights: ExternalConstant = {
  kind: 'external',
  location: 'weights.bin',
  offset: 4,
  length: 8,
  dtype: 'float32',
  shape: [2],
};

async function writeModel(): Promise<string> {
  const model = createModel();
  const x = model.graph.addInput('x', 'float32', [2]);
  model.graph.addOutput(new Tape(model).op('Add', [x, model.graph.addInitializer('w', weights)]));
  const path = join(folder, 'model.onnx');
  await writeFile(path, encodeModel(model));
  return path;
}

describe('loadModel', () => {
  it('leaves external weights in their file until they are read', async () => {
    await writeFile(join(folder, 'weights.bin'), new Uint8Array(Float32Array.of(1, 2, 3).buffer));
    const { constant } = (await loadModel(await writeModel())).graph.initializers.get('w') ?? {};
    expect(constant).toEqual({ ...weights, name: 'w' });
    expect(await readConstant(weights, folder)).toEqual(tensorOf('float32', [2], [2, 3]));
  });

  it('refuses weights beyond the end of their file', async () => {
    await writeFile(join(folder, 'weights.bin'), new Uint8Array(11));
    await expect(loadModel(await writeModel())).rejects.toThrow(/bytes 4 to 12 are named and the file has 11/);
  });

  it('refuses a file that is not there, and a link that leads out', async () => {
    const path = await writeModel();
    await expect(loadModel(path)).rejects.toMatchObject({ code: 'IR_EXTERNAL_DATA' });
    const outside = await mkdtemp(join(tmpdir(), 'espalier-outside-'));
    await writeFile(join(outside, 'secret.bin'), new Uint8Array(100));
    await symlink(join(outside, 'secret.bin'), join(folder, 'weights.bin'));
    await expect(loadModel(path)).rejects.toThrow(/a link leads out of the folder/);
    await symlink(outside, join(folder, 'linked'));
    const through = { ...weights, location: 'linked/secret.bin' };
    await expect(resolveExternalData(folder, through)).rejects.toThrow(/a link leads out/);
    await rm(outside, { recursive: true });
  });

  it("follows links within a model of the hub's cache, and no others", async () => {
    const cached = join(folder, 'models--org--name');
    const snapshot = join(cached, 'snapshots', 'a'.repeat(40));
    await mkdir(join(snapshot, 'onnx'), { recursive: true });
    await mkdir(join(cached, 'blobs'));
    await writeFile(join(cached, 'blobs', 'abc'), new Uint8Array(Float32Array.of(1, 2, 3).buffer));
    await symlink('../../../blobs/abc', join(snapshot, 'onnx', 'weights.bin'));
    await copyFile(await writeModel(), join(snapshot, 'onnx', 'model.onnx'));
    const model = await loadModel(join(snapshot, 'onnx', 'model.onnx'));
    expect(await followLinks(model, join(snapshot, 'onnx'))).toBe(join(await realpath(cached), 'blobs'));
    expect(model.graph.initializers.get('w')?.constant).toMatchObject({ ...weights, location: 'abc' });

    await writeFile(join(folder, 'secret.bin'), new Uint8Array(100));
    await rm(join(snapshot, 'onnx', 'weights.bin'));
    await symlink('../../../../secret.bin', join(snapshot, 'onnx', 'weights.bin'));
    await expect(loadModel(join(snapshot, 'onnx', 'model.onnx'))).rejects.toThrow(/a link leads out of the folder/);
  });

  it('follows links of a checkpoint wherever they lead, to the deepest folder that holds all files', async () => {
    await mkdir(join(folder, 'base'));
    for (const name of ['one', 'two']) {
      await mkdir(join(folder, 'disk', name), { recursive: true });
      await writeFile(join(folder, 'disk', name, 'part.bin'), new Uint8Array(12));
      await symlink(join('..', 'disk', name, 'part.bin'), join(folder, 'base', `${name}.bin`));
    }
    const model = createModel();
    for (const name of ['one', 'two']) {
      model.graph.addInitializer(name, { ...weights, location: `${name}.bin`, mayBeLink: true });
    }
    expect(await followLinks(model, join(folder, 'base'))).toBe(join(await realpath(folder), 'disk'));
    expect([...model.graph.initializers.values()].map(({ constant }) => constant)).toMatchObject([
      { location: 'one/part.bin' },
      { location: 'two/part.bin' },
    ]);
    const [one] = [...model.graph.initializers.values()];
    await expect(resolveExternalData(join(folder, 'base'), { ...weights, location: 'one.bin' })).rejects.toThrow(
      /a link leads out/,
    );
    expect(one?.constant?.kind).toBe('external');
  });

  it('checks every tensor of a file against its length, and not only the first', async () => {
    await writeFile(join(folder, 'weights.bin'), new Uint8Array(12));
    const model = createModel();
    model.graph.addInitializer('inside', weights);
    model.graph.addInitializer('beyond', { ...weights, offset: 8 });
    await expect(followLinks(model, folder)).rejects.toThrow(/bytes 8 to 16 are named and the file has 12/);
  });

  it('changes nothing where no link leads out', async () => {
    await writeFile(join(folder, 'weights.bin'), new Uint8Array(12));
    const model = await loadModel(await writeModel());
    expect(await followLinks(model, folder)).toBe(folder);
    expect(model.graph.initializers.get('w')?.constant).toMatchObject(weights);
  });

  it('refuses a folder, the folder itself, and paths that climb', async () => {
    for (const location of ['.', '../weights.bin', '/etc/hostname', '', 'a\0b']) {
      await expect(resolveExternalData(folder, { ...weights, location })).rejects.toMatchObject({
        code: 'IR_EXTERNAL_DATA',
      });
    }
  });

  it('says which path holds no model', async () => {
    await expect(loadModel(join(folder, 'none.onnx'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await writeFile(join(folder, 'text.onnx'), 'hello');
    await expect(loadModel(join(folder, 'text.onnx'))).rejects.toThrow(/text.onnx is not a readable ONNX model/);
  });
});
