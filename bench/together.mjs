// Several adapters trained together, against one after another: tokens a second and peak memory.
//
//   node bench/together.mjs --base DIR [--runs 8] [--batch 4] [--tokens 128] [--steps 6] [--rank 16] [--threads 2] [--rounds 3]
//                           [--max-pass-tokens N] [--recompute]
//
// Each round measures both, in processes of their own, which take turns. The runs have the same form and other seeds, so that one after
// another has the speed and the peak memory of one alone. The first step of each is a warm-up and not counted.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { trainMany } from '#internal/library';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    runs: { type: 'string', default: '8' },
    batch: { type: 'string', default: '4' },
    tokens: { type: 'string', default: '128' },
    steps: { type: 'string', default: '6' },
    rank: { type: 'string', default: '16' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    'max-pass-tokens': { type: 'string' },
    recompute: { type: 'boolean', default: false },
    /** Used by this program itself: how many runs to train in this process. */
    train: { type: 'string' },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const [batch, tokens, steps] = [Number(values.batch), Number(values.tokens), Number(values.steps)];

if (values.train === undefined) await compare();
else process.stdout.write(`${JSON.stringify(await train(Number(values.train)))}\n`);

async function compare() {
  const [processor] = cpus();
  process.stdout.write(`${processor.model}, ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}\n`);
  const rounds = { one: [], together: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    rounds.one.push(await measure(1));
    rounds.together.push(await measure(Number(values.runs)));
    const last = (list) =>
      `${list.at(-1).tokensPerSecond.toFixed(0)} tokens/s, ${list.at(-1).cpuMs.toFixed(0)} ms of processor time for 1,000, ${list.at(-1).peakMb.toFixed(0)} MB`;
    process.stdout.write(`one: ${last(rounds.one)}; ${values.runs} together: ${last(rounds.together)}\n`);
  }
  const of = (list, key) => median(list.map((each) => each[key]));
  const [speed, work, memory] = ['tokensPerSecond', 'cpuMs', 'peakMb'].map(
    (key) => of(rounds.together, key) / of(rounds.one, key),
  );
  process.stdout.write(`${values.runs} together: ${speed.toFixed(2)} times the speed of one after another, `);
  process.stdout.write(`${work.toFixed(2)} times the processor time, `);
  process.stdout.write(`${memory.toFixed(2)} times the peak memory of one\n`);
}

/** Processor time of this process, all threads, in ms. */
function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Trains so many runs in a process of their own. */
async function measure(runs) {
  const words = [fileURLToPath(import.meta.url), ...process.argv.slice(2), '--train', String(runs)];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (bytes) => (text += bytes));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`training ${runs} ended with ${code}`);
  return JSON.parse(text);
}

async function train(count) {
  const { vocab_size: vocabulary } = JSON.parse(readFileSync(join(values.base, 'config.json'), 'utf8'));
  const folder = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  try {
    const runs = Array.from({ length: count }, (_, run) => {
      const rows = Array.from({ length: steps * batch }, (__, row) => {
        const ids = Array.from(
          { length: tokens + 1 },
          (___, i) => 3 + ((run * 7919 + row * 104729 + i * 31) % (vocabulary - 3)),
        );
        return JSON.stringify({ input_ids: ids });
      });
      const data = join(folder, `rows-${run}.jsonl`);
      writeFileSync(data, `${rows.join('\n')}\n`);
      return { name: `run-${run}`, data, seed: run };
    });
    const marks = [];
    const settings = { base: values.base, output: folder, rank: Number(values.rank), alpha: 32, batchSize: batch };
    const ends = await trainMany(
      { ...settings, recompute: values.recompute, maxSteps: steps, maxLength: tokens + 1, runs },
      {
        threads: Number(values.threads),
        ...(values['max-pass-tokens'] && { maxPassTokens: Number(values['max-pass-tokens']) }),
        onEvent: (event) => {
          if (event.kind === 'stepped')
            marks.push({ step: event.metrics.step, at: performance.now(), cpu: processorMs() });
        },
      },
    );
    for (const end of ends) if (end.kind === 'failed') throw end.error;
    const begin = Math.max(...marks.filter(({ step }) => step === 1).map(({ at }) => at));
    const end = Math.max(...marks.map(({ at }) => at));
    const trained = count * (steps - 1) * batch * tokens;
    const tokensPerSecond = (trained * 1000) / (end - begin);
    const firstSteps = Math.max(...marks.filter(({ step }) => step === 1).map(({ cpu }) => cpu));
    const cpuMs = (1000 * (Math.max(...marks.map(({ cpu }) => cpu)) - firstSteps)) / trained;
    const peakMb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1000;
    return { tokensPerSecond, cpuMs, peakMb };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
