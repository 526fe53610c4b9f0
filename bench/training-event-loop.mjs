/**
 * Measures the delay of the event loop while a training runs in the same process.
 *
 *   npm run build && node bench/training-event-loop.mjs [--full] [--steps 100] [--base demo/base] [--data demo/data/risk-strict.train.jsonl]
 *
 * Run it on an idle machine, because other load delays the loop too. Prints p50, p99 and the longest delay, for the steps alone and for
 * everything from reading the data to saving the folder.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

process.env.UV_THREADPOOL_SIZE ??= '8';

const { values } = parseArgs({
  options: {
    base: { type: 'string', default: 'demo/base' },
    data: { type: 'string', default: 'demo/data/risk-strict.train.jsonl' },
    steps: { type: 'string', default: '100' },
    threads: { type: 'string', default: String(Math.max(1, cpus().length - 1)) },
    full: { type: 'boolean', default: false },
  },
});

const { openEnvironment } = await import('#internal/onnxruntime');
const { resolveConfig, runTraining } = await import('#internal/train');

const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
const { base, data, steps, threads, full } = values;
const config = resolveConfig({ flags: { base, data, output: join(folder, 'out'), maxSteps: steps, full } });
const [whole, stepping] = [monitorEventLoopDelay({ resolution: 1 }), monitorEventLoopDelay({ resolution: 1 })];
const environment = openEnvironment({ threads: Number(threads) });
whole.enable();
try {
  const result = await runTraining(config, {
    environment,
    onEvent: (event) => {
      if (event.kind !== 'stepped') return;
      if (event.metrics.step === 1) stepping.enable();
      if (event.metrics.step === event.steps) stepping.disable();
    },
  });
  whole.disable();
  const speed = Math.round(result.targetTokens / result.seconds);
  process.stdout.write(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, ${threads} threads\n`);
  process.stdout.write(`${result.steps} steps in ${result.seconds.toFixed(1)} s, ${speed} target tokens/s\n`);
  for (const [name, histogram] of Object.entries({ steps: stepping, everything: whole })) {
    const [p50, p99, max] = [histogram.percentile(50), histogram.percentile(99), histogram.max].map((ns) =>
      (ns / 1e6).toFixed(2).padStart(8),
    );
    process.stdout.write(`${name.padEnd(11)} delay in ms: p50 ${p50}, p99 ${p99}, longest ${max}\n`);
  }
} finally {
  environment.dispose();
  await rm(folder, { recursive: true, force: true });
}
