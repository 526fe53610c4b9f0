// Packs the package, installs it into an empty project, and there type-checks and runs the programs of docs/library.md,
// docs/training-in-code.md and docs/in-process.md.
//
//   npm run build && npm run test:packed
//
// It needs the registry that npm is set to, for the package's dependencies.
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip', UV_THREADPOOL_SIZE: '8' };

/** What the package carries at its top; whatever else appears there was not meant to be published. */
const published = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'bin',
  'dashboard',
  'deploy',
  'dist',
  'docs',
  'package.json',
];

/** The pages with programs, and how many each has. */
const pages = { 'library.md': 3, 'training-in-code.md': 3, 'in-process.md': 2 };

/** What must not compile, against the declarations that a user gets. */
const mistakes = `import { serve, train } from 'espalier';
import { openTokenizer } from 'espalier/tokenizer';
export const tokenizer = openTokenizer('base');
const needed = { base: 'base', data: 'rows.jsonl', output: 'out' };
// @ts-expect-error a word is no number
await train({ ...needed, rank: '16' });
// @ts-expect-error no such option
await train({ ...needed, lerningRate: 1 });
// @ts-expect-error no such option
await serve({ base: 'base', prot: 0 });
// @ts-expect-error not one of the package's subpaths
await import('espalier/engine');
`;

const folder = await mkdtemp(join(tmpdir(), 'espalier-packed-'));
try {
  const tarball = await pack();
  await createProject(tarball);
  const programs = await writePrograms();
  for (const config of ['tsconfig.json', 'tsconfig.ai-sdk.json']) {
    run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', config]);
  }
  run('node_modules/.bin/espalier', ['--version']);
  for (const name of programs) {
    process.stdout.write(`--- ${name}\n`);
    run(process.execPath, [join('out', name.replace(/\.ts$/, '.js'))]);
  }
  process.stdout.write(`${programs.length} programs ran against ${tarball}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function pack() {
  const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
  const [{ filename, files }] = JSON.parse(execFileSync(npm, words, { cwd: root, encoding: 'utf8' }));
  const strange = files.map(({ path }) => path).filter((path) => !published.includes(path.split('/')[0]));
  const unwanted = files.map(({ path }) => path).filter((path) => /\.map$|\.test\./.test(path));
  if (strange.length + unwanted.length > 0)
    throw new Error(`The package carries ${[...strange, ...unwanted].join(', ')}`);
  return filename;
}

/** An empty project with the package and what its users bring: TypeScript, Node's types, and the clients of the pages. */
async function createProject(tarball) {
  const own = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const clients = JSON.parse(await readFile(join(root, 'test', 'clients', 'package.json'), 'utf8'));
  const versions = { ...clients.dependencies, ...own.dependencies, ...own.devDependencies };
  const names = ['typescript', '@types/node', 'openai', 'ai', '@ai-sdk/provider', '@langchain/core', 'zod'];
  const others = names.map((name) => [name, versions[name]]);
  const dependencies = { espalier: `file:${tarball}`, ...Object.fromEntries(others) };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true, dependencies }));
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    skipLibCheck: false,
    rootDir: '.',
    outDir: 'out',
  };
  await writeConfig('tsconfig.json', { compilerOptions, include: ['*.ts'], exclude: ['*ai-sdk*'] });
  // WHY: the AI SDK's declarations need those of browsers, and declarations that it does not install.
  const browser = { skipLibCheck: true, lib: [...compilerOptions.lib, 'dom'] };
  const compilerOptionsOfAiSdk = { ...compilerOptions, ...browser };
  await writeConfig('tsconfig.ai-sdk.json', { compilerOptions: compilerOptionsOfAiSdk, include: ['*ai-sdk*.ts'] });
  run(npm, ['install', '--no-audit', '--no-fund', '--silent']);
  await cp(join(root, 'demo', 'base'), join(folder, 'base'), { recursive: true });
  const rows = await readFile(join(root, 'demo', 'data', 'risk-strict.train.jsonl'), 'utf8');
  await writeFile(join(folder, 'rows.jsonl'), rows.split('\n').slice(0, 64).join('\n'));
  await mkdir(join(folder, 'adapters'));
}

/** The programs of the pages, in their order: the later ones use what the first has trained. */
async function writePrograms() {
  const found = [];
  for (const [name, count] of Object.entries(pages)) {
    const page = await readFile(join(root, 'docs', name), 'utf8');
    const programs = [...page.matchAll(/<!-- program: ([\w-]+\.ts) -->\s+```ts\n(.*?)```/gs)];
    if (programs.length !== count) throw new Error(`docs/${name} has ${programs.length} programs, expected ${count}`);
    found.push(...programs);
  }
  for (const [, name, text] of found) await writeFile(join(folder, name), text);
  await writeFile(join(folder, 'mistakes.ts'), mistakes);
  return found.map(([, name]) => name);
}

async function writeConfig(name, config) {
  await writeFile(join(folder, name), JSON.stringify(config));
}

function run(command, words) {
  execFileSync(command, words, { cwd: folder, env, stdio: 'inherit' });
}
