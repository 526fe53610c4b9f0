import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, sourceFiles, type SourceFile } from './source-files.ts';

/** What each folder may import: only what lies below it. `train` and `engine` meet at the adapter's files alone. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  native: ['core'],
  files: ['core', 'native'],
  tensor: ['core', 'files'],
  runtime: ['core', 'native', 'tensor'],
  ir: ['core', 'tensor'],
  tokenizer: ['core'],
  hub: ['core', 'files', 'tensor'],
  autodiff: ['core', 'tensor', 'ir'],
  lora: ['core', 'tensor', 'ir'],
  models: ['core', 'files', 'tensor', 'ir'],
  quantize: ['core', 'files', 'tensor', 'models'],
  adapters: ['core', 'files', 'tensor', 'ir', 'models', 'lora'],
  execution: ['core', 'native', 'tensor', 'ir', 'runtime', 'lora', 'models'],
  evaluate: ['core', 'native', 'tensor', 'ir', 'runtime', 'models', 'lora', 'execution'],
  train: [
    'core',
    'native',
    'files',
    'tensor',
    'ir',
    'runtime',
    'tokenizer',
    'autodiff',
    'models',
    'lora',
    'adapters',
    'execution',
    'evaluate',
  ],
  control: ['core', 'files', 'ir', 'lora', 'models', 'adapters'],
  engine: ['core', 'native', 'tensor', 'ir', 'runtime', 'models', 'lora', 'execution', 'control'],
  batching: ['core', 'native', 'tensor', 'ir', 'runtime', 'models', 'lora', 'execution', 'control'],
  service: ['core', 'tensor', 'ir', 'tokenizer', 'runtime', 'models', 'control', 'engine', 'batching', 'evaluate'],
  http: ['core', 'tensor', 'tokenizer', 'runtime', 'models', 'control', 'batching', 'service'],
  library: [
    'core',
    'lora',
    'models',
    'runtime',
    'tokenizer',
    'adapters',
    'train',
    'control',
    'engine',
    'batching',
    'http',
  ],
  cli: [
    'core',
    'files',
    'tensor',
    'hub',
    'quantize',
    'runtime',
    'ir',
    'tokenizer',
    'models',
    'lora',
    'adapters',
    'evaluate',
    'train',
    'control',
    'engine',
    'batching',
    'http',
  ],
};

/** Packages that only some folders may touch. */
const doors: Readonly<Record<string, readonly string[]>> = {
  koffi: ['native/', 'runtime/ffi/'],
  '@bufbuild/protobuf': ['ir/onnx/'],
  fastify: ['http/'],
  flatbuffers: ['adapters/formats/onnx/'],
  '@huggingface/hub': ['hub/'],
  '@huggingface/tokenizers': ['tokenizer/'],
  '@huggingface/jinja': ['tokenizer/'],
  // sockets
  'node:http': ['http/', 'hub/'],
  'node:https': ['hub/'],
  'node:net': ['http/', 'collectives/transport/'],
  'node:tls': ['http/', 'collectives/transport/'],
  'node:dgram': ['collectives/transport/'],
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

/** Files that import each other, by whatever way round; types count, since a reader follows them too. */
function circlesOf(files: readonly SourceFile[]): string[] {
  const targets = new Map(
    files.map(({ path, text }) => [
      path,
      importsOf(text)
        .filter((name) => name.startsWith('.'))
        .map((name) => posix.normalize(posix.join(posix.dirname(path), name))),
    ]),
  );
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start >= 0) circles.push([...way.slice(start), path].join(' -> '));
    if (start >= 0 || done.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...way, path]);
    done.add(path);
  };
  for (const path of targets.keys()) visit(path, []);
  return circles;
}

describe('layers', () => {
  it('see a circle of three files', () => {
    const file = (path: string, target: string): SourceFile => ({
      path,
      folder: 'a',
      text: `import { x } from './${target}';`,
    });
    const files = [file('a/one.ts', 'two.ts'), file('a/two.ts', 'three.ts'), file('a/three.ts', 'one.ts')];
    expect(circlesOf(files)).toEqual(['a/one.ts -> a/two.ts -> a/three.ts -> a/one.ts']);
  });

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

  it('leave no circle inside a folder', () => {
    expect(circlesOf(product)).toEqual([]);
  });

  it('meet at index.ts, the one public face of a folder', () => {
    const wrong = product
      .flatMap((file) => crossings(file).map((target) => ({ file, target })))
      .filter(({ target }) => !/^\w+\/index\.ts$/.test(target))
      .map(({ file, target }) => `${file.path} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  it.each(Object.entries(doors))('let only their folders import %s: %s', (name, folders) => {
    const wrong = product
      .filter(({ path }) => !folders.some((folder) => path.startsWith(folder)))
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
