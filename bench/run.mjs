// Runs the measurements of training and decoding, compares them with PEFT if a Python is given, and prints the ratios.
//
//   npm run bench -- --base DIR [--python PYTHON] [--rounds 3] [--threads 2] [--only train]
//   npm run bench -- --base DIR --only scattered [--before BUILD] [--threads 2]
//   npm run bench -- --base DIR --only forms [--python PYTHON] [--rounds 3] [--threads 2]     see forms.mjs
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    python: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    before: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
if (values.only === 'scattered' || values.only === 'forms') {
  // These measurements take long and have output formats of their own, so they run only on request.
  const own =
    values.only === 'scattered' ? { before: values.before } : { python: values.python, rounds: values.rounds };
  const words = Object.entries({ base: values.base, threads: values.threads, ...own });
  const named = words.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
  const { status } = spawnSync(process.execPath, [here(`${values.only}.mjs`), ...named], { stdio: 'inherit' });
  process.exit(status ?? 1);
}
const common = ['--base', values.base, '--threads', values.threads];
const cases = [
  { name: 'train, 4 x 128 tokens', file: 'train.mjs', words: [], peer: ['train'] },
  { name: 'decode, batch 8, 8 adapters', file: 'decode.mjs', words: [], peer: ['decode'] },
  {
    name: 'decode, batch 8, base alone',
    file: 'decode.mjs',
    words: ['--adapters', '0'],
    peer: ['decode', '--adapters', '0'],
  },
];

const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
const chatRows = join(folder, 'rows.jsonl');
const [tokenizer, data] = [here('../demo/base'), here('../demo/data/risk-strict.train.jsonl')];
spawnSync(process.execPath, [here('rows.mjs'), '--tokenizer', tokenizer, '--data', data, '--output', chatRows], {
  stdio: 'inherit',
});
for (const batch of ['16', '8']) {
  const onChatRows = ['--rows', chatRows, '--batch', batch];
  cases.splice(1, 0, {
    name: `train, ${batch} chat rows`,
    file: 'train.mjs',
    words: onChatRows,
    peer: ['train', ...onChatRows],
  });
}

const report = [];
for (const { name, file, words, peer } of cases.filter((each) => each.name.startsWith(values.only))) {
  const ours = [];
  const theirs = [];
  // WHY alternating: other load of the machine then affects both programs.
  for (let round = 0; round < Number(values.rounds); round++) {
    ours.push(measure(process.execPath, [here(file), ...words, ...common]));
    if (values.python !== undefined) theirs.push(measure(values.python, [here('peft-peer.py'), ...peer, ...common]));
  }
  report.push({
    name,
    espalier: summary(ours),
    ...(theirs.length > 0 ? { peft: summary(theirs), ...ratios(ours, theirs) } : {}),
  });
}
await rm(folder, { recursive: true });
if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else print(report);

function measure(command, words) {
  const child = spawnSync(command, words, { encoding: 'utf8', env: { UV_THREADPOOL_SIZE: '8', ...process.env } });
  if (child.status !== 0) throw new Error(`${command} ${words.join(' ')} ended with ${child.status}:\n${child.stderr}`);
  return JSON.parse(child.stdout.trim().split('\n').at(-1));
}

function summary(runs) {
  return {
    medianMs: median(runs.map((run) => run.medianMs)),
    tokensPerSecond: median(runs.map((run) => run.tokensPerSecond)),
    peakRssMb: Math.max(...runs.map((run) => run.peakRssMb)),
  };
}

/** The ratio of tokens per second, for each round. */
function ratios(ours, theirs) {
  const each = ours.map((run, i) => run.tokensPerSecond / theirs[i].tokensPerSecond);
  return { faster: median(each), fasterMin: Math.min(...each), fasterMax: Math.max(...each) };
}

function print(rows) {
  process.stdout.write(`${cpus()[0]?.model}, ${values.threads} threads, Node ${process.version}\n`);
  for (const { name, espalier, peft, faster, fasterMin, fasterMax } of rows) {
    const mine = figures(espalier);
    const other = peft ? ` | PEFT ${figures(peft)}` : '';
    const ratio = peft ? ` | ${faster.toFixed(2)} times (${fasterMin.toFixed(2)} to ${fasterMax.toFixed(2)})` : '';
    process.stdout.write(`${name.padEnd(30)} ${mine}${other}${ratio}\n`);
  }
}

function figures({ medianMs, tokensPerSecond, peakRssMb }) {
  return `${medianMs.toFixed(0)} ms, ${tokensPerSecond.toFixed(1)} tokens/s, ${peakRssMb} MB`;
}
