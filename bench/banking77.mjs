// Accuracy on the test rows of banking77 of an adapter and a head that Espalier trains, beside PEFT's from the same start.
//
//   node bench/banking77.mjs --data FOLDER --python PYTHON [--base demo/base] [--epochs 3] [--batch 32] [--learning-rate 2e-3]
//                            [--rank 16] [--seed 0] [--rows N] [--threads 2]
//
// FOLDER has banking77_train.jsonl and banking77_test.jsonl, rows of a text and its label_id. PEFT makes the start: the base with a
// random head, and an adapter before its first step. Both train on the same tokens, in the same order, with AdamW and a linear schedule.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom } from '#internal/core';
import { train } from '#internal/library';
import { openTokenizer } from '#internal/tokenizer';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    python: { type: 'string' },
    base: { type: 'string', default: fileURLToPath(new URL('../demo/base', import.meta.url)) },
    epochs: { type: 'string', default: '3' },
    batch: { type: 'string', default: '32' },
    'learning-rate': { type: 'string', default: '2e-3' },
    rank: { type: 'string', default: '16' },
    seed: { type: 'string', default: '0' },
    rows: { type: 'string' },
    threads: { type: 'string', default: '2' },
  },
});
const { data, python, base } = values;
if (data === undefined || python === undefined)
  throw new Error('Name rows and interpreter: --data FOLDER --python PYTHON');
const maxLength = 64;

const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
try {
  const tokenizer = await openTokenizer(base);
  const encode = ({ text, label_id: label }) => ({ input_ids: tokenizer.encode(text).slice(0, maxLength), label });
  const [training, test] = [await rowsOf('banking77_train.jsonl'), await rowsOf('banking77_test.jsonl')];
  const random = createRandom(Number(values.seed), 'banking77');
  // WHY: the rows of the file are sorted by label.
  for (let i = training.length - 1; i > 0; i--) {
    const other = random.integer(i + 1);
    [training[i], training[other]] = [training[other], training[i]];
  }
  const chosen = training.slice(0, values.rows === undefined ? undefined : Number(values.rows));
  const [rows, held] = [
    await written('train.jsonl', chosen.map(encode)),
    await written('test.jsonl', test.map(encode)),
  ];
  const labels = 1 + Math.max(...training.map(({ label_id: label }) => label));
  const shared = ['--rank', values.rank, '--seed', values.seed, '--threads', values.threads];
  peer('start', ['--base', base, '--labels', String(labels), '--pad', '1', '--output', folder, ...shared]);

  const start = { base: join(folder, 'base'), adapter: join(folder, 'adapter') };
  const began = performance.now();
  const ours = await train(
    {
      base: start.base,
      initAdapter: start.adapter,
      data: rows,
      evalData: held,
      output: join(folder, 'output'),
      epochs: Number(values.epochs),
      batchSize: Number(values.batch),
      learningRate: Number(values['learning-rate']),
      schedule: 'linear',
      shuffle: false,
      maxLength,
    },
    { threads: Number(values.threads) },
  );
  const { evalAccuracyBefore, evalAccuracyAfter: accuracy = NaN, firstLoss, lastLoss, steps } = ours;
  const seconds = Math.round((performance.now() - began) / 1000);
  print({ peer: 'espalier', accuracy, firstLoss, lastLoss, steps, seconds, before: evalAccuracyBefore });
  const words = [
    '--base',
    start.base,
    '--adapter',
    start.adapter,
    '--rows',
    rows,
    '--test',
    held,
    '--threads',
    values.threads,
  ];
  const how = ['--batch', values.batch, '--epochs', values.epochs, '--learning-rate', values['learning-rate']];
  const theirs = JSON.parse(peer('train', [...words, ...how]));
  print(theirs);
  const points = 100 * (accuracy - theirs.accuracy);
  print({ points: Number(points.toFixed(2)), testRows: test.length, trainingRows: chosen.length });
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function rowsOf(name) {
  const text = await readFile(join(data, name), 'utf8');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
}

async function written(name, rows) {
  const path = join(folder, name);
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'));
  return path;
}

function peer(work, words) {
  const script = fileURLToPath(new URL('classify-peer.py', import.meta.url));
  const { stdout, stderr, status } = spawnSync(python, [script, work, ...words], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${work}: ${stderr}`);
  return stdout;
}

function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
