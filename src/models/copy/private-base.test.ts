import { appendFile, cp, mkdir, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownMark } from '../../atomic-files/index.ts';
import { fingerprintBase } from '../fingerprint/fingerprint-base.ts';
import { openBaseModel } from '../open-base-model.ts';
import { listBaseFiles } from './base-files.ts';
import { PrivateBase } from './private-base.ts';

const golden = (...parts: string[]): string =>
  fileURLToPath(new URL(`../../../test/golden/${parts.join('/')}`, import.meta.url));

let [dir, base, copies] = ['', '', ''];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
  [base, copies] = [join(dir, 'base'), join(dir, 'copies')];
  await cp(golden('llama', 'model'), base, { recursive: true });
  await mkdir(copies);
});
afterEach(() => rm(dir, { recursive: true }));

const fingerprint = async (path: string): Promise<string> => fingerprintBase(await openBaseModel(path));

describe('PrivateBase', () => {
  it('is the same base, whatever happens to the original, and is removed at the end', async () => {
    const before = await fingerprint(base);
    {
      await using copy = await PrivateBase.open(base, { folder: copies });
      expect(copy.origin).toBe(base);
      await truncate(join(base, 'model.safetensors'), 10);
      await writeFile(join(base, 'config.json'), '{');
      expect(await fingerprint(copy.path)).toBe(before);
    }
    expect(await readdir(copies)).toEqual([]);
  });

  it('says how much room is needed and how much there is, and leaves nothing', async () => {
    const opening = PrivateBase.open(base, { folder: copies, freeBytes: () => Promise.resolve(7000) });
    await expect(opening).rejects.toMatchObject({
      code: 'BASE_COPY_NO_ROOM',
      message: expect.stringMatching(/needs [\d.]+ kB in .*copies, and 7\.0 kB are free/),
    });
    expect(await readdir(copies)).toEqual([]);
  });

  it('leaves nothing where a file is written while it is copied', async () => {
    const copy = async (from: string, to: string): Promise<void> => {
      await cp(from, to);
      await appendFile(from, ' ');
    };
    const opening = PrivateBase.open(base, { folder: copies, copy });
    await expect(opening).rejects.toMatchObject({ code: 'BASE_COPY_CHANGED', message: expect.stringContaining(base) });
    expect(await readdir(copies)).toEqual([]);
  });

  it('leaves nothing where the disk turns out to be full', async () => {
    const copy = (): Promise<void> => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
    const opening = PrivateBase.open(base, { folder: copies, copy });
    await expect(opening).rejects.toMatchObject({ code: 'BASE_COPY_NO_ROOM' });
    expect(await readdir(copies)).toEqual([]);
  });

  it('removes what an ended process left, and nothing else', async () => {
    const { realm } = await ownMark();
    await mkdir(join(copies, `.espalier-base.partial-${realm}-999999999-1-000000000000`));
    await mkdir(join(copies, `.espalier-base.partial-${realm}-${process.ppid}-0-000000000000`));
    await using copy = await PrivateBase.open(base, { folder: copies });
    expect((await readdir(copies)).sort()).toEqual(
      [`.espalier-base.partial-${realm}-${process.ppid}-0-000000000000`, basename(copy.path)].sort(),
    );
  });

  it.each([
    ['llama-d16/genai-int4', ''],
    ['llama-d16/genai-fp32', 'model.onnx'],
    ['llama-d16/merged', ''],
  ])('holds every file of the ONNX base %s/%s', async (name, file) => {
    const origin = join(golden(...name.split('/')), file);
    await using copy = await PrivateBase.open(origin, { folder: copies });
    expect(await fingerprint(copy.path)).toBe(await fingerprint(origin));
    const { graphs } = await openBaseModel(copy.path);
    expect(Object.keys(graphs)).toEqual(Object.keys((await openBaseModel(origin)).graphs));
  });

  it('says that the folder is missing', async () => {
    const folder = join(dir, 'nowhere');
    await expect(PrivateBase.open(base, { folder })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('listBaseFiles', () => {
  it('leaves out what the base is not read from', async () => {
    await writeFile(join(base, 'pytorch_model.bin'), 'large');
    await writeFile(join(base, '.hidden.json'), '{}');
    const { files } = await listBaseFiles(base);
    expect(files).toContain('model.safetensors');
    expect(files).toContain('config.json');
    expect(files.filter((name) => /bin|hidden/.test(name))).toEqual([]);
  });

  it('names the second file of a decoder that is not merged', async () => {
    const inner = join(base, 'onnx');
    await mkdir(inner);
    for (const name of ['decoder_model.onnx', 'decoder_with_past_model.onnx', 'other.onnx']) {
      await cp(golden('gpt2', 'with-past', 'decoder_with_past_model.onnx'), join(inner, name));
    }
    await rm(join(base, 'model.safetensors'));
    const { files, entry, dir: found } = await listBaseFiles(base);
    expect([found, entry]).toEqual([base, '']);
    expect(files.filter((name) => name.endsWith('.onnx'))).toEqual([
      join('onnx', 'decoder_model.onnx'),
      join('onnx', 'decoder_with_past_model.onnx'),
    ]);
  });
});
