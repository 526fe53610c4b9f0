import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEnvironment, type Environment } from '../../onnxruntime/index.ts';
import { cacheFolder } from './cache.ts';
import { knownKernels } from './known-kernels.ts';

let environment: Environment;
let folder: string;
beforeEach(async () => {
  environment = openEnvironment({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'espalier-kernels-'));
});
afterEach(async () => {
  environment.dispose();
  await rm(folder, { recursive: true });
});

describe('knownKernels', () => {
  it('measures every form once, and then reads what it has kept', async () => {
    const first = await knownKernels(environment, { folder });
    expect(first.speeds.map(({ form }) => form)).toEqual(['float32', 'int8', '8-bit blocks', '4-bit blocks']);
    expect(first.speeds.every(({ decode, prefill }) => decode > 0 && prefill > 0)).toBe(true);
    const { exactSigned } = first;
    const speeds = first.speeds.map((each) => ({ ...each, decode: 1 }));
    await writeFile(first.path, JSON.stringify({ exactSigned, speeds }));
    await expect(knownKernels(environment, { folder })).resolves.toEqual({ ...first, speeds });
    await expect(readdir(folder)).resolves.toHaveLength(1);
  });

  it('measures again when the file is damaged, and fails for no folder', async () => {
    const { path } = await knownKernels(environment, { folder });
    await writeFile(path, '{"speeds":');
    await expect(knownKernels(environment, { folder })).resolves.toMatchObject({ path });
    await writeFile(join(folder, 'file'), '');
    await expect(knownKernels(environment, { folder: join(folder, 'file') })).resolves.toHaveProperty('speeds');
  });

  it('keeps its files where the user keeps caches', () => {
    expect(cacheFolder({ XDG_CACHE_HOME: '/caches' })).toBe(join('/caches', 'espalier'));
    expect(cacheFolder({ XDG_CACHE_HOME: '' })).toMatch(/\.cache.espalier$/);
  });
});
