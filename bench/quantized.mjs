// The effect of quantizing a base on prefill, decoding, memory and size, compared with the float base in the same run.
//
//   UV_THREADPOOL_SIZE=8 node bench/quantized.mjs --base DIR [--rounds 3] [--threads 2] [--prompt 256] [--steps 24] [--json]
//
// Each measurement runs in its own process. The variants alternate, so that other load of the machine affects all of them.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openBaseModel } from '#internal/models';
import { quantizeBase } from '#internal/quantize';
import { openEnvironment } from '#internal/onnxruntime';
import { openEngine } from '#internal/engine';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    prompt: { type: 'string', default: '256' },
    steps: { type: 'string', default: '24' },
    measure: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const [prompt, steps] = [Number(values.prompt), Number(values.steps)];

if (values.measure) await measure();
else await compare();

async function measure() {
  const base = await openBaseModel(values.base);
  const environment = openEnvironment({ threads: Number(values.threads) });
  const begin = performance.now();
  /** @type {import('#internal/engine').EngineOptions} */
  const options = { base, environment, maxSlots: 8, maxLength: prompt + steps + 8, adapterTargets: false };
  const engine = await openEngine(options);
  const loadMs = performance.now() - begin;
  await generate(engine, { base, row: 0, count: 2, length: 8 });
  const [first] = await generate(engine, { base, row: 1, count: 1, length: prompt });
  const one = await decode(engine, base, 1);
  const eight = await decode(engine, base, 8);
  const rssMb = Math.round(process.memoryUsage.rss() / 1e6);
  const peakRssMb = Math.round((process.resourceUsage().maxRSS * 1024) / 1e6);
  await engine.dispose();
  environment.dispose();
  const result = { loadMs, prefillTokensPerSecond: (1000 * prompt) / first, decode1: one, decode8: eight };
  process.stdout.write(`${JSON.stringify({ ...result, rssMb, peakRssMb })}\n`);
}

/** Tokens per second of sequences that run at once, counted while all of them run. */
async function decode(engine, base, sequences) {
  const rows = Array.from({ length: sequences }, (_, row) =>
    generate(engine, { base, row, count: steps + 8, length: 16 }),
  );
  const times = await Promise.all(rows);
  const gaps = times[0].slice(9);
  return (1000 * sequences) / median(gaps);
}

/** @returns the milliseconds to the first token, and between consecutive tokens after it */
async function generate(engine, { base, row, count, length }) {
  const { vocabSize } = base.config;
  const tokens = Array.from({ length }, (_, i) => 5 + ((i * 7919 + row * 104729) % (vocabSize - 5)));
  const gaps = [];
  let last = performance.now();
  for await (const _ of engine.generate({ tokens, maxTokens: count, temperature: 0, stopTokenIds: [] })) {
    gaps.push(performance.now() - last);
    last = performance.now();
  }
  return gaps;
}

async function compare() {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  const base = await openBaseModel(values.base);
  /** @type {import('#internal/quantize').QuantizeOptions} */
  const shared = { blockSize: 32, activations: 'int8', keep: [], bits: 8, scheme: 'blocks' };
  const variants = [{ name: 'float', dir: values.base, bytes: bytesOf(base) }];
  /** @type {Record<string, Partial<import('#internal/quantize').QuantizeOptions>>} */
  const kinds = { '8 bits': {}, '4 bits': { bits: 4 }, int8: { scheme: 'int8' } };
  for (const [name, options] of Object.entries(kinds)) {
    const dir = join(folder, name.replace(' ', '-'));
    const begin = performance.now();
    const { bytesAfter } = await quantizeBase(base, dir, { ...shared, ...options });
    variants.push({ name, dir, bytes: bytesAfter, quantizeSeconds: (performance.now() - begin) / 1000 });
  }
  const runs = new Map(variants.map(({ name }) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { name, dir } of variants) runs.get(name).push(spawnMeasure(dir));
  }
  const rows = variants.map(({ name, bytes, quantizeSeconds }) => ({
    name,
    bytes,
    quantizeSeconds,
    ...medians(runs.get(name)),
  }));
  await rm(folder, { recursive: true });
  process.stdout.write(values.json ? `${JSON.stringify(rows)}\n` : `${table(rows)}\n`);
}

function bytesOf({ weights }) {
  return [...weights.values()].reduce((sum, { length }) => sum + length, 0);
}

function spawnMeasure(dir) {
  const script = fileURLToPath(import.meta.url);
  const words = [
    '--measure',
    '--base',
    dir,
    '--threads',
    values.threads,
    '--prompt',
    values.prompt,
    '--steps',
    values.steps,
  ];
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, ...words], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${dir}: ${stderr}`);
  return JSON.parse(stdout);
}

function medians(runs) {
  const keys = Object.keys(runs[0]);
  return Object.fromEntries(keys.map((key) => [key, median(runs.map((run) => run[key]))]));
}

function table(rows) {
  const [float] = rows;
  const ratio = (row, key) => `${row[key].toFixed(row[key] < 100 ? 1 : 0)} (${(row[key] / float[key]).toFixed(2)})`;
  const columns = {
    MB: (row) => `${(row.bytes / 1e6).toFixed(1)} (${(row.bytes / float.bytes).toFixed(2)})`,
    'prefill tokens/s': (row) => ratio(row, 'prefillTokensPerSecond'),
    'decode tokens/s, 1': (row) => ratio(row, 'decode1'),
    'decode tokens/s, 8': (row) => ratio(row, 'decode8'),
    'RSS MB': (row) => ratio(row, 'rssMb'),
    'peak RSS MB': (row) => ratio(row, 'peakRssMb'),
    'quantized in s': (row) => (row.quantizeSeconds === undefined ? '' : row.quantizeSeconds.toFixed(1)),
  };
  const lines = rows.map((row) => [row.name, ...Object.values(columns).map((show) => show(row))].join(' | '));
  return [['', ...Object.keys(columns)].join(' | '), ...lines].join('\n');
}
