import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { assertReplaceable } from './replaceable.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-replaceable-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function holding(name: string, files: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  for (const file of files) await writeFile(join(path, file), '{}');
  return path;
}

it('lets an adapter, a model, an empty folder and nothing be replaced', async () => {
  const places = [
    join(folder, 'nothing'),
    await holding('empty', []),
    await holding('adapter', ['adapter_config.json', 'metrics.jsonl']),
    await holding('model', ['config.json', 'model.safetensors']),
  ];
  for (const path of places) await expect(assertReplaceable(path)).resolves.toBeUndefined();
});

it('refuses other folders, files and links', async () => {
  const other = await holding('other', ['thesis.tex']);
  const file = join(folder, 'file');
  await writeFile(file, 'work');
  const link = join(folder, 'link');
  await symlink(await holding('linked', ['config.json']), link);
  for (const path of [other, file, link]) {
    await expect(assertReplaceable(path)).rejects.toMatchObject({ code: 'OUTPUT_NOT_OURS', details: { path } });
  }
});
