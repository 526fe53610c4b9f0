import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, sourceFiles, type SourceFile } from './source-files.ts';

/** What each folder may import: only what lies below it. `train` and `serve` meet at the adapter's files alone. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  tensor: ['core'],
  runtime: ['core', 'tensor'],
  ir: ['core', 'tensor'],
  tokenizer: ['core'],
  hub: ['core', 'tensor'],
  autodiff: ['core', 'tensor', 'ir'],
  models: ['core', 'tensor', 'ir'],
  lora: ['core', 'tensor', 'ir'],
  quantize: ['core', 'tensor', 'models'],
  adapters: ['core', 'lora'],
  formats: ['core', 'tensor', 'ir', 'models', 'lora'],
  score: ['core', 'tensor', 'ir', 'runtime', 'models', 'lora'],
  predict: ['core', 'tensor', 'ir', 'runtime', 'models', 'lora', 'score'],
  train: ['core', 'tensor', 'ir', 'runtime', 'tokenizer', 'autodiff', 'models', 'lora', 'formats', 'score'],
  serve: ['core', 'tensor', 'ir', 'runtime', 'models', 'lora', 'adapters'],
  infer: ['core', 'tensor', 'ir', 'runtime', 'models', 'lora', 'adapters'],
  http: [
    'core',
    'tensor',
    'ir',
    'tokenizer',
    'runtime',
    'models',
    'lora',
    'formats',
    'adapters',
    'predict',
    'serve',
    'infer',
  ],
  demo: ['core', 'tensor', 'runtime', 'tokenizer', 'models', 'lora', 'score', 'train', 'serve', 'http'],
  cli: [
    'core',
    'tensor',
    'hub',
    'quantize',
    'runtime',
    'ir',
    'tokenizer',
    'models',
    'lora',
    'formats',
    'score',
    'predict',
    'train',
    'serve',
    'infer',
    'http',
  ],
};

/** Packages that only one folder may touch. */
const doors: Readonly<Record<string, string>> = {
  koffi: 'runtime/ffi/',
  '@bufbuild/protobuf': 'ir/onnx/',
  fastify: 'http/',
  flatbuffers: 'formats/',
  '@huggingface/hub': 'hub/',
  '@huggingface/tokenizers': 'tokenizer/',
  '@huggingface/jinja': 'tokenizer/',
};

const isTest = ({ path }: SourceFile): boolean => path.endsWith('.test.ts') || path.includes('/testing/');
const product = sourceFiles().filter((file) => !isTest(file));

/** Imports of other top folders, each as the path inside `src`. */
function crossings({ path, folder, text }: SourceFile): string[] {
  return importsOf(text)
    .filter((name) => name.startsWith('.'))
    .map((name) => posix.normalize(posix.join(posix.dirname(path), name)))
    .filter((target) => !target.startsWith(`${folder}/`));
}

describe('layers', () => {
  it('know every folder of src', () => {
    const folders = new Set(product.map(({ folder }) => folder).filter((folder) => folder !== ''));
    expect([...folders].filter((folder) => !(folder in mayImport))).toEqual([]);
  });

  it('point down only', () => {
    const wrong = product
      .filter(({ folder }) => folder !== '')
      .flatMap((file) => crossings(file).map((target) => ({ file, target })))
      .filter(({ file, target }) => !(mayImport[file.folder] ?? []).includes(target.split('/')[0] ?? ''))
      .map(({ file, target }) => `${file.path} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  it('meet at index.ts, the one public face of a folder', () => {
    const wrong = product
      .flatMap((file) => crossings(file).map((target) => ({ file, target })))
      .filter(({ target }) => !/^\w+\/index\.ts$/.test(target))
      .map(({ file, target }) => `${file.path} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  it.each(Object.entries(doors))('let only one folder import %s: %s', (name, door) => {
    const wrong = product
      .filter(({ path }) => !path.startsWith(door))
      .filter(({ text }) => importsOf(text).some((found) => found === name || found.startsWith(`${name}/`)))
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });
});

describe('size', () => {
  it('keeps every file that people write under 400 lines', () => {
    const long = sourceFiles().filter(
      ({ text }) => !/generated/i.test(text.slice(0, 400)) && text.split('\n').length > 400,
    );
    expect(long.map(({ path }) => path)).toEqual([]);
  });
});
