import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { kindsInFolder } from './kinds-in-folder.ts';

const golden = (path: string): string => fileURLToPath(new URL(`../../../test/golden/${path}`, import.meta.url));
let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-kinds-'));
});
afterAll(() => rm(root, { recursive: true }));

it.each([
  [[], { dora: false, loraBias: false }],
  [['rslora-patterns'], { dora: false, loraBias: false }],
  [['rslora-patterns', 'dora'], { dora: true, loraBias: false }],
  [['lora-bias', 'rslora-patterns'], { dora: false, loraBias: true }],
  [['lora-bias', 'dora'], { dora: true, loraBias: true }],
])('finds what an engine must be opened for: %j', async (adapters, kinds) => {
  const folder = await mkdtemp(join(root, 'adapters-'));
  for (const name of adapters) await cp(golden(`adapters/${name}/adapter`), join(folder, name), { recursive: true });
  expect(await kindsInFolder(folder)).toEqual(kinds);
  await cp(golden('adapters/dora/adapter'), join(folder, 'broken'), { recursive: true });
  await writeFile(join(folder, 'broken', 'adapter_config.json'), '{');
  expect(await kindsInFolder(folder)).toEqual(kinds);
});
