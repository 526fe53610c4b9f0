import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hashFiles } from './fingerprint.ts';

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
