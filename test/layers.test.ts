import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf, sourceFiles, type SourceFile } from './source-files.ts';

/** What each folder may import: only what lies below it. `train` and `engine` meet at the adapter's files alone. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  native: ['core'],
  'atomic-files': ['core', 'native'],
  checkpoint: ['core', 'native', 'atomic-files'],
  collectives: ['core', 'native'],
  tensor: ['core', 'atomic-files'],
  onnxruntime: ['core', 'native', 'tensor'],
  ir: ['core', 'tensor'],
  charts: ['core'],
  'event-files': ['core'],
  load: ['core', 'charts'],
  telemetry: ['core'],
  jinja: ['core'],
  tokenizer: ['core', 'jinja', 'tensor'],
  constrain: ['core', 'tokenizer'],
  chat: ['core', 'tokenizer', 'jinja'],
  hub: ['core', 'atomic-files', 'tensor'],
  autodiff: ['core', 'tensor', 'ir'],
  lora: ['core', 'tensor', 'ir'],
  models: ['core', 'atomic-files', 'tensor', 'ir'],
  quantize: ['core', 'atomic-files', 'tensor', 'ir', 'models'],
  trust: ['core', 'atomic-files'],
  'adapter-files': ['core', 'native', 'atomic-files', 'tensor', 'ir', 'models', 'lora'],
  'adapter-store': ['core', 'native', 'atomic-files', 'ir', 'lora', 'trust', 'adapter-files'],
  execution: ['core', 'native', 'tensor', 'ir', 'onnxruntime', 'lora', 'models'],
  evaluate: ['core', 'native', 'tensor', 'ir', 'onnxruntime', 'models', 'lora', 'execution'],
  train: [
    'core',
    'native',
    'atomic-files',
    'charts',
    'event-files',
    'checkpoint',
    'collectives',
    'tensor',
    'ir',
    'onnxruntime',
    'tokenizer',
    'chat',
    'autodiff',
    'models',
    'lora',
    'adapter-files',
    'execution',
    'evaluate',
  ],
  routing: ['core', 'atomic-files', 'ir', 'lora', 'models', 'adapter-files', 'tokenizer'],
  engine: ['core', 'native', 'tensor', 'ir', 'onnxruntime', 'models', 'lora', 'execution', 'routing'],
  batching: ['core', 'native', 'tensor', 'ir', 'onnxruntime', 'models', 'lora', 'execution', 'routing'],
  service: [
    'core',
    'tensor',
    'ir',
    'tokenizer',
    'onnxruntime',
    'models',
    'lora',
    'trust',
    'adapter-store',
    'routing',
    'engine',
    'batching',
    'evaluate',
    'constrain',
    'telemetry',
  ],
  fleet: ['core', 'atomic-files', 'routing'],
  answering: ['core', 'tokenizer', 'constrain', 'chat', 'routing', 'service'],
  jobs: ['core', 'atomic-files', 'checkpoint', 'train'],
  http: [
    'core',
    'trust',
    'jobs',
    'tensor',
    'tokenizer',
    'constrain',
    'chat',
    'onnxruntime',
    'models',
    'execution',
    'routing',
    'batching',
    'telemetry',
    'service',
    'fleet',
    'answering',
  ],
  library: [
    'core',
    'collectives',
    'lora',
    'models',
    'onnxruntime',
    'tokenizer',
    'constrain',
    'chat',
    'adapter-files',
    'execution',
    'train',
    'routing',
    'engine',
    'batching',
    'service',
    'answering',
    'jobs',
    'http',
  ],
  'ai-sdk': ['core', 'tokenizer', 'library'],
  langchain: ['core', 'tokenizer', 'library'],
  cli: [
    'core',
    'atomic-files',
    'checkpoint',
    'collectives',
    'tensor',
    'hub',
    'quantize',
    'onnxruntime',
    'ir',
    'tokenizer',
    'chat',
    'models',
    'lora',
    'trust',
    'adapter-files',
    'adapter-store',
    'evaluate',
    'train',
    'routing',
    'execution',
    'engine',
    'batching',
    'fleet',
    'http',
    'library',
    'load',
    'telemetry',
  ],
};

/** Packages that only some folders may touch. */
const doors: Readonly<Record<string, readonly string[]>> = {
  koffi: ['native/', 'onnxruntime/ffi/'],
  '@bufbuild/protobuf': ['ir/onnx/', 'event-files/'],
  fastify: ['http/'],
  '@fastify/busboy': ['http/adapters/'],
  '@msgpack/msgpack': ['checkpoint/'],
  'prom-client': ['telemetry/'],
  '@ai-sdk': ['ai-sdk/'],
  '@langchain': ['langchain/'],
  '@opentelemetry': ['telemetry/traces/'],
  flatbuffers: ['adapter-files/formats/onnx/'],
  '@huggingface/hub': ['hub/'],
  'csv-parse': ['train/data/files/'],
  hyparquet: ['train/data/files/'],
  'hyparquet-compressors': ['train/data/files/'],
  // sockets
  'node:http': ['http/', 'hub/'],
  'node:https': ['hub/'],
  // `native/inotify.ts` reads a descriptor through a Socket, and connects to nothing
  'node:net': ['http/', 'collectives/transport/', 'native/inotify.ts'],
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
      .filter(({ target }) => !/^[\w-]+\/index\.ts$/.test(target))
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
