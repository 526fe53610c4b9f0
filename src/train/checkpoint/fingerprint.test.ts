import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { compareFingerprints, hashFiles, type Fingerprint } from './fingerprint.ts';

it('ends the hashing of rows when it is aborted', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'espalier-'));
  try {
    const path = join(dir, 'rows.jsonl');
    await writeFile(path, Buffer.alloc(2 ** 23, 'x'));
    const controller = new AbortController();
    const hashing = hashFiles(path, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(hashing).rejects.toThrow('enough');
    expect(await hashFiles(path, { signal: undefined })).toMatch(/^[\da-f]{64}$/);
  } finally {
    await rm(dir, { recursive: true });
  }
});

it('takes a checkpoint that names no provider for one of the CPU', () => {
  const compare = (stored: Fingerprint, current: Fingerprint) =>
    compareFingerprints({ output: 'a', checkpoint: 'b', stored, current, allowed: [] });
  expect(compare({ steps: '3' }, { steps: '3', provider: 'cpu' })).toEqual([]);
  expect(() => compare({ steps: '3' }, { steps: '3', provider: 'webgpu' })).toThrow('it was cpu and is webgpu');
  expect(() => compare({ provider: 'webgpu' }, { provider: 'cpu' })).toThrow('it was webgpu and is cpu');
});
