// A step of two processes, with sums that begin while the backward pass goes on, and with sums behind it, in turns: milliseconds.
//
//   node bench/overlap.mjs --base DIR [--rank 16] [--batch 4] [--tokens 128] [--steps 6] [--rounds 3] [--rates 0,1000,100]
//
// A rate is that of a link between two network namespaces, in Mbit/s in each direction (`tc tbf`, needs root); 0 is loopback. Each
// process computes with one thread. The first step of each run is a warm-up and not counted.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openGroup } from '#internal/collectives';
import { openEnvironment } from '#internal/onnxruntime';
import { resolveTrainOptions, runTraining } from '#internal/train';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    rank: { type: 'string', default: '16' },
    batch: { type: 'string', default: '4' },
    tokens: { type: 'string', default: '128' },
    steps: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '3' },
    rates: { type: 'string', default: '0,1000,100' },
    /** Used by this program itself: whether the sums of this process overlap. */
    process: { type: 'string' },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const [batch, tokens, steps] = [Number(values.batch), Number(values.tokens), Number(values.steps)];
const spaces = [`espalier-a-${process.pid}`, `espalier-b-${process.pid}`];

if (values.process === undefined) await compare();
else process.stdout.write(`${JSON.stringify(await train(values.process === 'with'))}\n`);

async function compare() {
  process.stdout.write(`${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}\n`);
  for (const rate of values.rates.split(',').map(Number)) {
    if (rate > 0) link(rate);
    try {
      const taken = { with: [], without: [] };
      for (let round = 0; round < Number(values.rounds); round++)
        for (const kind of round % 2 === 0 ? ['with', 'without'] : ['without', 'with'])
          taken[kind].push(...(await measure(kind, rate)));
      const [overlapped, behind] = [median(taken.with), median(taken.without)];
      const [name, fewer] = [rate === 0 ? 'loopback' : `${rate} Mbit/s`, 100 * (1 - overlapped / behind)];
      process.stdout.write(
        `${name}: ${overlapped.toFixed(0)} with, ${behind.toFixed(0)} without, ${fewer.toFixed(1)} % less\n`,
      );
    } finally {
      if (rate > 0) for (const space of spaces) execFileSync('ip', ['netns', 'del', space]);
    }
  }
}

/** Connects two network namespaces, 10.77.0.1 and 10.77.0.2. */
function link(rate) {
  const run = (text) => execFileSync('ip', text.split(' '));
  for (const space of spaces) run(`netns add ${space}`);
  run(`link add slow0 netns ${spaces[0]} type veth peer name slow0 netns ${spaces[1]}`);
  for (const [i, space] of spaces.entries()) {
    run(`-n ${space} address add 10.77.0.${i + 1}/24 dev slow0`);
    for (const device of ['lo', 'slow0']) run(`-n ${space} link set ${device} up`);
    const limit = `qdisc add dev slow0 root tbf rate ${rate}mbit burst 64k latency 100ms`;
    run(`netns exec ${space} tc ${limit}`);
  }
}

/** @returns the milliseconds of each step but the first, on rank 0 */
async function measure(kind, rate) {
  const port = String(29000 + Math.floor(Math.random() * 900));
  const children = [0, 1].map((rank) => {
    const words = [fileURLToPath(import.meta.url), ...process.argv.slice(2), '--process', kind];
    const master = rate === 0 ? '127.0.0.1' : '10.77.0.1';
    const group = { RANK: String(rank), WORLD_SIZE: '2', MASTER_ADDR: master, MASTER_PORT: port };
    const env = { ...process.env, ...group, ESPALIER_GROUP_KEY: 'a key of this measurement' };
    const command = rate === 0 ? [process.execPath] : ['ip', 'netns', 'exec', spaces[rank], process.execPath];
    return spawn(command[0], [...command.slice(1), ...words], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  });
  const texts = children.map(async (child) => {
    let text = '';
    child.stdout.on('data', (bytes) => (text += bytes));
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`a process ended with ${code}`);
    return text;
  });
  const [first] = await Promise.all(texts);
  return JSON.parse(first);
}

async function train(overlap) {
  const { vocab_size: vocabulary } = JSON.parse(readFileSync(join(values.base, 'config.json'), 'utf8'));
  const folder = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  try {
    const ids = (row) => Array.from({ length: tokens + 1 }, (_, i) => 3 + ((row * 104729 + i * 31) % (vocabulary - 3)));
    const rows = Array.from({ length: 2 * steps * batch }, (_, row) => JSON.stringify({ input_ids: ids(row) }));
    const data = join(folder, 'rows.jsonl');
    writeFileSync(data, `${rows.join('\n')}\n`);
    const settings = {
      base: values.base,
      data,
      output: join(folder, 'out'),
      rank: Number(values.rank),
      batchSize: batch,
    };
    const config = resolveTrainOptions({ ...settings, maxSteps: steps, maxLength: tokens + 1 });
    const environment = openEnvironment({ threads: 1 });
    const group = await openGroup({ environment: process.env, onWarning: () => undefined });
    const marks = [performance.now()];
    const onEvent = ({ kind }) => kind === 'stepped' && marks.push(performance.now());
    await runTraining(config, { environment, group, onEvent, sums: { overlap } });
    await group.close();
    environment.dispose();
    return marks.slice(2).map((mark, i) => mark - marks[i + 1]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
