// Times optimizer steps of `espalier train`: LoRA of rank 16 on all seven linear modules.
//
//   node bench/train.mjs --base DIR [--threads 2] [--steps 5] [--batch 4] [--tokens 128]   rows of random tokens, one length
//   node bench/train.mjs --base DIR --rows FILE [--batch 8]                                rows of input_ids and labels
//   with --recompute, activations are computed again
//
// Prints one line of JSON. The first step is a warm-up and not counted; padding is not counted as tokens.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    rows: { type: 'string' },
    threads: { type: 'string', default: '2' },
    steps: { type: 'string', default: '5' },
    batch: { type: 'string', default: '4' },
    tokens: { type: 'string', default: '128' },
    rank: { type: 'string', default: '16' },
    recompute: { type: 'boolean', default: false },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const [steps, batch, tokens] = [Number(values.steps), Number(values.batch), Number(values.tokens)];
const { vocab_size: vocabSize } = JSON.parse(await readFile(join(values.base, 'config.json'), 'utf8'));

const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
try {
  const text = values.rows === undefined ? randomRows((steps + 1) * batch) : await readFile(values.rows, 'utf8');
  const rows = text
    .trim()
    .split('\n')
    .slice(0, (steps + 1) * batch);
  await writeFile(join(folder, 'rows.jsonl'), `${rows.join('\n')}\n`);
  const lengths = rows.map((row) => JSON.parse(row).input_ids.length);
  const words = ['train', '--base', values.base, '--data', join(folder, 'rows.jsonl'), '--output', join(folder, 'out')];
  words.push('--rank', values.rank, '--alpha', String(2 * Number(values.rank)), '--learning-rate', '2e-4');
  words.push('--max-grad-norm', '0', '--batch-size', String(batch), '--max-steps', String(steps + 1));
  words.push('--max-length', String(Math.max(...lengths)), '--no-shuffle', '--threads', values.threads, '--json');
  if (values.recompute) words.push('--recompute');
  const peakRssMb = await run(fileURLToPath(new URL('../bin/espalier', import.meta.url)), words);
  const metrics = (await readFile(join(folder, 'out', 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  // WHY from the metrics: their time of a step includes reading the data, both passes and the optimizer.
  const counted = metrics.slice(1).map(({ step, tokensPerSecond }) => {
    const fed = sum(lengths.slice((step - 1) * batch, step * batch));
    return { fed, ms: (fed / tokensPerSecond) * 1000 };
  });
  const times = counted.map(({ ms }) => ms);
  const tokensPerSecond = (sum(counted.map(({ fed }) => fed)) * 1000) / sum(times);
  const speed = { medianMs: median(times), minMs: Math.min(...times), tokensPerSecond };
  process.stdout.write(
    `${JSON.stringify({ work: 'train', threads: Number(values.threads), batch, ...speed, peakRssMb })}\n`,
  );
} finally {
  await rm(folder, { recursive: true });
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Rows of random tokens, all of one length. */
function randomRows(count) {
  let state = 1;
  const next = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8;
  const row = () => Array.from({ length: tokens }, () => 5 + (next() % (vocabSize - 5)));
  return Array.from({ length: count }, () => `${JSON.stringify({ input_ids: row() })}\n`).join('');
}

/** Runs to the end and returns the process's peak memory in MB. */
async function run(command, words) {
  const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'inherit'] });
  let peak = 0;
  const look = async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
  };
  const watch = setInterval(() => void look(), 200);
  const [code] = await once(child, 'exit');
  clearInterval(watch);
  if (code !== 0) throw new Error(`espalier train ended with ${code}`);
  return Math.round(peak / 1024);
}
