// Which defaults train best: the held-out loss of one adapter by the scaling of its rank, its rank, its learning rate and its targets.
//
//   node bench/defaults.mjs --base DIR --data FILE --eval-data FILE [--form text|classes|rows] [--steps 120] [--batch 8]
//                           [--max-length 64] [--ranks 4,16,64] [--rates 2e-4,6e-4,2e-3,6e-3] [--scalings double,fixed,rslora]
//                           [--targets all-linear] [--held-out 100] [--seed 0] [--threads 2]
//
// `double` is alpha = 2 · rank, `fixed` alpha = 16, and `rslora` alpha = 16 divided by √rank. All runs of a call begin with the same seed
// and see the same rows in the same order, with a constant rate. It says first how many runs there are, and after the first one how long
// all will take. `--form text` takes the field `text` of each row alone; `classes` makes of its `text` a prompt, and of its `label` the
// completion.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '#internal/core';
import { train } from '#internal/library';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    data: { type: 'string' },
    'eval-data': { type: 'string' },
    form: { type: 'string', default: 'rows' },
    steps: { type: 'string', default: '120' },
    batch: { type: 'string', default: '8' },
    'max-length': { type: 'string', default: '64' },
    ranks: { type: 'string', default: '4,16,64' },
    rates: { type: 'string', default: '2e-4,6e-4,2e-3,6e-3' },
    scalings: { type: 'string', default: 'double,fixed,rslora' },
    targets: { type: 'string', default: 'all-linear' },
    'held-out': { type: 'string', default: '100' },
    seed: { type: 'string', default: '0' },
    threads: { type: 'string', default: '2' },
  },
});
const { base, data, 'eval-data': evalData } = values;
if (base === undefined || data === undefined || evalData === undefined) {
  throw new Error('Name the base and the rows: --base DIR --data FILE --eval-data FILE');
}
const fixedAlpha = 16;
const scalings = {
  double: (rank) => ({ alpha: 2 * rank }),
  fixed: () => ({ alpha: fixedAlpha }),
  rslora: () => ({ alpha: fixedAlpha, useRslora: true }),
};

const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
try {
  const random = createRandom(Number(values.seed), 'defaults');
  const rows = {
    data: await written('train', shuffled(await linesOf(data), random)),
    // WHY shuffled too: the rows of a file may be sorted by label.
    evalData: await written('held-out', shuffled(await linesOf(evalData), random).slice(0, Number(values['held-out']))),
  };
  const runs = listed('targets').flatMap((targets) =>
    listed('scalings').flatMap((scaling) =>
      listed('ranks').flatMap((rank) =>
        listed('rates').map((rate) => ({ targets, scaling, rank: Number(rank), rate: Number(rate) })),
      ),
    ),
  );
  process.stdout.write(`${runs.length} runs of ${values.steps} steps\n`);
  const results = [];
  for (const [index, run] of runs.entries()) {
    const result = await trained(run, { ...rows, output: join(folder, `run-${index}`) });
    results.push({ ...run, ...result });
    if (index === 0) process.stdout.write(`about ${Math.ceil((result.seconds * runs.length) / 60)} minutes\n`);
    process.stdout.write(`${JSON.stringify(results.at(-1))}\n`);
  }
  report(results);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function trained({ targets, scaling, rank, rate }, rows) {
  const begin = performance.now();
  const seconds = () => Number(((performance.now() - begin) / 1000).toFixed(1));
  try {
    const { evalLossBefore, evalLossAfter } = await train(
      {
        base,
        ...rows,
        rank,
        ...scalings[scaling](rank),
        targetModules: targets === 'all-linear' ? targets : targets.split('+'),
        learningRate: rate,
        seed: Number(values.seed),
        maxSteps: Number(values.steps),
        batchSize: Number(values.batch),
        maxLength: Number(values['max-length']),
        // WHY: of a long prompt, nothing may be left of the completion.
        skipEmpty: true,
      },
      { threads: Number(values.threads) },
    );
    return { before: evalLossBefore, after: evalLossAfter, seconds: seconds() };
  } catch (error) {
    // WHY go on: a rate that is too high for one scaling may suit another.
    return { after: Infinity, seconds: seconds(), reason: String(error) };
  }
}

/** The held-out losses as a table, and for each way the mean over all ranks of what its best common rate loses. */
function report(results) {
  const rates = listed('rates').map(Number);
  process.stdout.write(`\n| targets | scaling | rank | ${rates.join(' | ')} |\n`);
  process.stdout.write(`| --- | --- | --- | ${rates.map(() => '---').join(' | ')} |\n`);
  for (const rowsOfWay of grouped(results, ({ targets, scaling, rank }) => `${targets} | ${scaling} | ${rank}`)) {
    const [way, list] = rowsOfWay;
    process.stdout.write(`| ${way} | ${list.map(({ after }) => after.toFixed(4)).join(' | ')} |\n`);
  }
  process.stdout.write('\nmean over the ranks, with one rate for all of them:\n');
  const ways = grouped(results, ({ targets, scaling, rate }) => `${targets}, ${scaling}, rate ${rate}`);
  const means = ways.map(([way, list]) => ({
    way,
    mean: list.reduce((sum, { after }) => sum + after, 0) / list.length,
  }));
  for (const { way, mean } of means.toSorted((a, b) => a.mean - b.mean).slice(0, 12)) {
    process.stdout.write(`${mean.toFixed(4)}  ${way}\n`);
  }
}

/** @type {(list: any[], keyOf: (each: any) => string) => [string, any[]][]} */
function grouped(list, keyOf) {
  const groups = new Map();
  for (const each of list) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each]);
  return [...groups];
}

function listed(name) {
  return values[name].split(',');
}

async function linesOf(path) {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => inForm(JSON.parse(line)));
}

function inForm(row) {
  if (values.form === 'text') return { text: row.text };
  return values.form === 'classes' ? { prompt: `${row.text}\n`, completion: row.label } : row;
}

function shuffled(list, random) {
  const order = [...list];
  for (let i = order.length - 1; i > 0; i--) {
    const other = random.integer(i + 1);
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order;
}

async function written(name, rows) {
  const path = join(folder, `${name}.jsonl`);
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join('\n'));
  return path;
}
