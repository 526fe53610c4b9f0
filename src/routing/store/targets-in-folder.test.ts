import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBaseModel, type BaseModel } from '../../models/index.ts';
import { targetsInFolder } from './targets-in-folder.ts';

const golden = (path: string): string => fileURLToPath(new URL(`../../../test/golden/${path}`, import.meta.url));
let root = '';
let base: BaseModel;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-targets-'));
  base = await openBaseModel(golden('qwen2/model'));
});
afterAll(() => rm(root, { recursive: true }));

/** The tables that a folder with these adapters needs, beyond the inner modules; undefined: the default is enough. */
async function tablesFor(adapters: readonly string[]): Promise<string[] | undefined> {
  const folder = await mkdtemp(join(root, 'adapters-'));
  for (const name of adapters) await cp(golden(`adapters/${name}/adapter`), join(folder, name), { recursive: true });
  const targets = await targetsInFolder(folder, base);
  const inner = base.modules.map(({ path }) => path).filter((path) => path.endsWith('_proj'));
  if (targets === undefined) return undefined;
  expect(targets).toEqual(expect.arrayContaining(inner));
  return targets.filter((path) => !inner.includes(path)).toSorted();
}

it.each([
  [['rslora-patterns'], undefined],
  [['head-tied'], ['lm_head']],
  [['embeddings-tied', 'rslora-patterns'], ['model.embed_tokens']],
  [['tokens-tied'], ['lm_head', 'model.embed_tokens']],
])('finds the embeddings and heads that the adapters of a folder need: %j', async (adapters, expected) => {
  expect(await tablesFor(adapters)).toEqual(expected);
});

it('leaves out what cannot be read, for its loading says why', async () => {
  const folder = await mkdtemp(join(root, 'broken-'));
  await cp(golden('adapters/tokens-tied/adapter'), join(folder, 'broken'), { recursive: true });
  const path = join(folder, 'broken', 'adapter_config.json');
  await writeFile(path, (await readFile(path, 'utf8')).slice(0, 40));
  expect(await targetsInFolder(folder, base)).toBeUndefined();
});
