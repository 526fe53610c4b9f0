// Packs the package, installs it into an empty project, and there type-checks and runs the programs of docs/library.md.
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
const published = ['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'docs', 'package.json'];

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
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.']);
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

/** An empty project with the package and what its users bring: TypeScript, Node's types, OpenAI's client. */
async function createProject(tarball) {
  const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const others = ['typescript', '@types/node', 'openai'].map((name) => [name, devDependencies[name]]);
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
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  run(npm, ['install', '--no-audit', '--no-fund', '--silent']);
  await cp(join(root, 'demo', 'base'), join(folder, 'base'), { recursive: true });
  const rows = await readFile(join(root, 'demo', 'data', 'risk-strict.train.jsonl'), 'utf8');
  await writeFile(join(folder, 'rows.jsonl'), rows.split('\n').slice(0, 64).join('\n'));
  await mkdir(join(folder, 'adapters'));
}

/** The programs of the page, in its order: the later ones use what the first has trained. */
async function writePrograms() {
  const page = await readFile(join(root, 'docs', 'library.md'), 'utf8');
  const found = [...page.matchAll(/<!-- program: ([\w-]+\.ts) -->\s+```ts\n(.*?)```/gs)];
  if (found.length !== 3) throw new Error(`docs/library.md has ${found.length} programs, expected 3`);
  for (const [, name, text] of found) await writeFile(join(folder, name), text);
  await writeFile(join(folder, 'mistakes.ts'), mistakes);
  return found.map(([, name]) => name);
}

function run(command, words) {
  execFileSync(command, words, { cwd: folder, env, stdio: 'inherit' });
}
