import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { codeOf } from '../testing/code-of.ts';
import { FallbackFile } from './fallback-file.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-fallbacks-'));
});
afterEach(() => rm(dir, { recursive: true }));

it('reads what was written last, and nothing where nothing was', async () => {
  const file = new FallbackFile(join(dir, 'fallbacks.json'));
  expect(await file.read()).toBeUndefined();
  await file.write(new Map([['a', 'base']]));
  await file.write(new Map([['org/b', 'error']]));
  expect([...((await file.read()) ?? [])]).toEqual([['org/b', 'error']]);
});

it.each(['{', '{"a": "nobody"}', '["base"]'])('refuses %s', async (text) => {
  const path = join(dir, 'fallbacks.json');
  await writeFile(path, text);
  expect(await codeOf(new FallbackFile(path).read())).toBe('STORE_FALLBACKS_UNREADABLE');
});
