import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWriters } from './open-writers.ts';

let root: string;
let path: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-writers-'));
  path = join(root, 'file');
  await writeFile(path, 'content');
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('openWriters', () => {
  it('sees a file that is open for writing, until it is closed', async () => {
    const reader = await open(path, 'r');
    try {
      if (openWriters(reader.fd) === 'unknown') return; // this system does not say
      expect(openWriters(reader.fd)).toBe('none');
      const writer = await open(path, 'r+');
      expect(openWriters(reader.fd)).toBe('some');
      await writer.close();
      expect(openWriters(reader.fd)).toBe('none');
    } finally {
      await reader.close();
    }
  });

  it('holds up no writer that comes later', async () => {
    const reader = await open(path, 'r');
    try {
      openWriters(reader.fd);
      const writer = await open(path, 'r+');
      await writer.write('changed');
      await writer.close();
      expect(await readFile(path, 'utf8')).toBe('changed');
    } finally {
      await reader.close();
    }
  });

  it('says nothing of what is no open file', () => {
    expect(openWriters(-1)).toBe('unknown');
  });
});
