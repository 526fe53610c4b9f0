import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { assertReplaceable } from './replaceable.ts';
import { publishFolder } from './staged-folder.ts';

const adapterFiles = ['adapter_config.json', 'adapter_model.safetensors', 'metrics.jsonl', 'README.md'];
const modelFiles = ['config.json', 'model.safetensors', 'tokenizer.json', 'vocab.txt', 'training-metrics.jsonl'];

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

const refusal = (path: string, kind: string, reason: string): object => ({
  code: 'OUTPUT_NOT_OURS',
  details: { path, kind, reason },
});

it('lets the same kind, an empty folder and nothing be replaced', async () => {
  const places = [join(folder, 'nothing'), await holding('empty', [])];
  const [adapter, model] = [await holding('adapter', adapterFiles), await holding('model', modelFiles)];
  for (const path of [...places, adapter]) {
    await expect(assertReplaceable(path, { kind: 'adapter' })).resolves.toBeUndefined();
  }
  for (const path of [...places, model]) {
    await expect(assertReplaceable(path, { kind: 'model' })).resolves.toBeUndefined();
  }
});

it('lets a checkpoint be replaced with the adapter in it, and not with anything else in that', async () => {
  const checkpoint = await holding('checkpoint', ['index.msgpack', 'parameters.bin', 'metrics.jsonl']);
  await holding('checkpoint/adapter', adapterFiles);
  await expect(assertReplaceable(checkpoint, { kind: 'checkpoint' })).resolves.toBeUndefined();
  await writeFile(join(checkpoint, 'adapter', 'rows.jsonl'), '{}');
  await expect(assertReplaceable(checkpoint, { kind: 'checkpoint' })).rejects.toMatchObject(
    refusal(checkpoint, 'checkpoint', 'its folder also has adapter'),
  );
});

it('refuses the other kind: an adapter never replaces its base', async () => {
  const [base, tuned] = [await holding('base', modelFiles), await holding('tuned', adapterFiles)];
  await expect(assertReplaceable(base, { kind: 'adapter' })).rejects.toMatchObject(
    refusal(base, 'adapter', 'its folder has no adapter_config.json'),
  );
  await expect(assertReplaceable(tuned, { kind: 'model' })).rejects.toMatchObject(
    refusal(tuned, 'model', 'its folder has no config.json'),
  );
});

it('refuses folders in which other work lies too', async () => {
  const rows = await holding('rows', [...adapterFiles, 'rows.jsonl']);
  const project = await holding('project', ['config.json', 'package.json', 'index.js']);
  const deep = await holding('deep', adapterFiles);
  await mkdir(join(deep, 'versions'));
  for (const [path, kind, name] of [
    [rows, 'adapter', 'rows.jsonl'],
    [project, 'model', 'index.js'],
    [deep, 'adapter', 'versions'],
  ] as const) {
    await expect(assertReplaceable(path, { kind })).rejects.toMatchObject(
      refusal(path, kind, `its folder also has ${name}`),
    );
  }
});

it('refuses files and links', async () => {
  const [file, link] = [join(folder, 'file'), join(folder, 'link')];
  await writeFile(file, 'work');
  await symlink(await holding('linked', adapterFiles), link);
  for (const path of [file, link]) {
    await expect(assertReplaceable(path, { kind: 'adapter' })).rejects.toMatchObject(
      refusal(path, 'adapter', 'it is no folder'),
    );
  }
});

it('refuses the model that the new one is made from, by whatever path it is named', async () => {
  const path = await holding('source', modelFiles);
  const link = join(folder, 'source-link');
  await symlink(path, link);
  for (const source of [path, link, join(link, 'model.safetensors')]) {
    await expect(assertReplaceable(path, { kind: 'model', source })).rejects.toMatchObject(
      refusal(path, 'model', 'the new one is made from it'),
    );
  }
});

it('keeps what was put into the place while the new folder was written', async () => {
  const place = await holding('busy', adapterFiles);
  const fill = (): Promise<void> => writeFile(join(place, 'thesis.tex'), 'work');
  await expect(publishFolder(place, fill, { replace: { kind: 'adapter' } })).rejects.toMatchObject(
    refusal(place, 'adapter', 'its folder also has thesis.tex'),
  );
  expect((await readdir(place)).sort()).toEqual([...adapterFiles, 'thesis.tex'].sort());
});

it('takes the folder of further chat templates for a part of both kinds, unless something else lies in it', async () => {
  for (const [kind, files] of [
    ['adapter', adapterFiles],
    ['model', modelFiles],
  ] as const) {
    const path = await holding(`templated-${kind}`, files);
    await mkdir(join(path, 'additional_chat_templates'));
    await writeFile(join(path, 'additional_chat_templates', 'tool_use.jinja'), '');
    await expect(assertReplaceable(path, { kind })).resolves.toBeUndefined();
    await writeFile(join(path, 'additional_chat_templates', 'notes.txt'), '');
    await expect(assertReplaceable(path, { kind })).rejects.toMatchObject(
      refusal(path, kind, 'its folder also has additional_chat_templates'),
    );
  }
});
