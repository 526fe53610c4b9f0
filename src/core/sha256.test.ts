import { createHash } from 'node:crypto';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Sha256 } from './sha256.ts';

it('gives the hash of all parts in their order', async () => {
  const bytes = Uint8Array.from({ length: 600_000 }, (_, i) => (i * 7) % 251);
  const expected = createHash('sha256').update(bytes).digest('hex');
  for (const cut of [0, 1, 2 ** 18, 599_999]) {
    const hash = new Sha256();
    await hash.update(bytes.subarray(0, cut));
    await hash.update(bytes.subarray(cut));
    expect(hash.hex()).toBe(expected);
  }
});

it('lets other tasks run while it hashes', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const hash = new Sha256();
  await hash.update(new Uint8Array(2 ** 25));
  clearInterval(timer);
  expect(Buffer.from(hash.digest()).toString('hex')).toHaveLength(64);
  expect(turns).toBeGreaterThan(0);
});

it('adds the bytes of a file, unless it is told to end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-sha256-'));
  try {
    const bytes = Uint8Array.from({ length: 2 ** 22 + 5 }, (_, i) => (i * 7) % 251);
    await writeFile(join(folder, 'file'), bytes);
    await using file = await open(join(folder, 'file'));
    const hash = new Sha256();
    await hash.updateFrom(file);
    expect(hash.hex()).toBe(createHash('sha256').update(bytes).digest('hex'));
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(new Sha256().updateFrom(file, { signal })).rejects.toThrow('enough');
  } finally {
    await rm(folder, { recursive: true });
  }
});
