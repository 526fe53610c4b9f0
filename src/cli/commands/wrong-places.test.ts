import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { espalier, goldenFolder } from '../testing/run-espalier.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-places-'));
  await writeFile(join(folder, 'rows.jsonl'), '{"input_ids": [1, 2, 3]}\n');
  await mkdir(join(folder, 'variants'));
  for (const name of ['model_q4.onnx', 'model_int8.onnx']) await writeFile(join(folder, 'variants', name), 'x');
  await cp(goldenFolder('mlp/model.onnx'), join(folder, 'graph', 'model.onnx'), { recursive: true });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const base = goldenFolder('llama/model');
const adapter = goldenFolder('llama/adapter');
const place = (name: string): string => join(folder, name);

async function told(words: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await espalier(words);
  expect(exitCode).not.toBe(0);
  return stdout + stderr;
}

/** Every command that opens a base, with the words for that base. */
const withBase: readonly (readonly [name: string, words: (base: string) => string[]])[] = [
  ['train', (path) => ['train', '--base', path, '--data', place('rows.jsonl'), '--output', place('out')]],
  ['serve', (path) => ['serve', '--base', path, '--port', '0']],
  ['score', (path) => ['score', '--base', path, '--input-ids', '1,2']],
  ['generate', (path) => ['generate', '--base', path, '--input-ids', '1,2']],
  ['classify', (path) => ['classify', '--base', path, '--text', 'a']],
  ['embed', (path) => ['embed', '--base', path, '--text', 'a']],
  ['quantize', (path) => ['quantize', '--base', path, '--output', place('out')]],
  ['data', (path) => ['data', place('rows.jsonl'), '--base', path]],
  ['adapter merge', (path) => ['adapter', 'merge', '--base', path, '--adapter', adapter, '--output', place('out')]],
  ['adapter verify', (path) => ['adapter', 'verify', adapter, '--base', path]],
];

describe.each(withBase)('the base of %s', (_, words) => {
  it.each([
    ['a folder of variants of a graph', () => place('variants'), 'There are model_int8.onnx, model_q4.onnx: name one'],
    ['a name on the hub', () => 'org/name', 'write hf:org/name'],
    ['an adapter', () => adapter, `it is an adapter. Name the base that it was trained on`],
    ['a file of weights', () => join(base, 'model.safetensors'), `it is a file of weights. Name its folder`],
    ['another folder', () => folder, 'its folder has no config.json'],
  ])('is explained where it is %s', async (_what, path, text) => {
    expect(await told(words(path()))).toContain(text);
  });
});

/** Every command that opens an adapter. */
const withAdapter: readonly (readonly [name: string, words: (adapter: string) => string[]])[] = [
  ['score', (path) => ['score', '--base', base, '--adapter', path, '--input-ids', '1,2']],
  ['generate', (path) => ['generate', '--base', base, '--adapter', path, '--input-ids', '1,2']],
  [
    'train',
    (path) => ['train', '--base', base, '--data', place('rows.jsonl'), '--init-adapter', path, '--output', place('o')],
  ],
  ['adapter merge', (path) => ['adapter', 'merge', '--base', base, '--adapter', path, '--output', place('o')]],
  ['adapter convert', (path) => ['adapter', 'convert', path, place('o')]],
  ['adapter diff', (path) => ['adapter', 'diff', path, adapter]],
];

describe.each(withAdapter)('the adapter of %s', (_, words) => {
  it.each([
    [
      'a name on the hub',
      () => 'org/name',
      'Nothing is at org/name. Check the path; for what has this name on the hub, write hf:org/name.',
    ],
    ['a base', () => base, 'it is a base model. An adapter has adapter_config.json. Name this folder with --base.'],
    ['an ONNX file', () => place('graph/model.onnx'), 'it is an ONNX model. Name a base with --base'],
    ['a folder with an ONNX file', () => place('graph'), 'it is a base model'],
    ['a file of weights', () => join(base, 'model.safetensors'), 'it is a file of weights without a configuration'],
  ])('is explained where it is %s', async (_what, path, text) => {
    expect(await told(words(path()))).toContain(text);
  });
});

describe('serve', () => {
  it.each([
    ['--adapters', () => adapter, 'which is one adapter: name the folder around it'],
    ['--adapters', () => base, 'which is a base: name it with --base'],
    ['--adapters', () => place('rows.jsonl'), 'rows.jsonl, a file'],
    ['--model', () => `m=${base}`, 'which is a checkpoint: name it with --base'],
    ['--model', () => `m=${adapter}`, 'which is an adapter: it is served with its base'],
    ['--model', () => `m=${place('variants')}`, 'a folder with model_int8.onnx, model_q4.onnx: name one'],
    ['--model', () => `m=${join(base, 'model.safetensors')}`, 'a file of weights: name the folder of a checkpoint'],
    ['--model', () => 'm=hf:org/name', 'fetch it with espalier pull'],
  ])('explains what is wrong with %s %s', async (flag, path, text) => {
    const more = flag === '--adapters' ? ['--base', base] : [];
    expect(await told(['serve', ...more, flag, path(), '--port', '0'])).toContain(text);
  });
});

describe('inspect', () => {
  it.each([
    ['org/name', 'write hf:org/name'],
    ['variants', 'There are model_int8.onnx, model_q4.onnx: name one of these files'],
  ])('explains %s', async (path, text) => {
    expect(await told(['inspect', path.includes('/') ? path : place(path)])).toContain(text);
  });
});
