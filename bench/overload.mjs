// Sends ten times the requests that a server can answer, for a minute, and looks what becomes of those that it takes and of the rest.
//
//   node bench/overload.mjs --base DIR [--adapters DIR] [--build DIR] [--threads 2] [--slots 8] [--waiting 8] [--times 10] [--seconds 60] [--prompt 128] [--tokens 32]
//
// Prints one line of JSON. First, as many clients as the server has places ask one after the other: what it then answers in a second is
// its saturation, and their times are what a user of a full server waits. Then requests arrive by chance at `times` that rate, from a
// process of their own. At the end, single requests are sent until one takes no longer than it did before the load.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openBaseModel } from '#internal/models';
import { complete, promptOf, quantile, startServer } from './served-process.mjs';

const here = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    adapters: { type: 'string' },
    build: { type: 'string', default: here },
    threads: { type: 'string', default: '2' },
    slots: { type: 'string', default: '8' },
    waiting: { type: 'string', default: '8' },
    times: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '60' },
    prompt: { type: 'string', default: '128' },
    tokens: { type: 'string', default: '32' },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const { base, adapters, threads, slots, waiting } = values;
// WHY half of those that may wait: this is one caller, and it must leave as many places to others as it takes.
const places = Number(slots) + Math.floor(Number(waiting) / 2);
const [times, seconds] = [Number(values.times), Number(values.seconds)];
const [length, maxTokens] = [Number(values.prompt), Number(values.tokens)];

const { config } = await openBaseModel(base);
const words = ['--base', base, '--served-name', 'base', '--threads', threads, '--max-slots', slots];
const bound = ['--max-waiting', waiting];
const server = await startServer(values.build, [...words, ...bound, ...(adapters ? ['--adapters', adapters] : [])]);
const folder = await mkdtemp(join(tmpdir(), 'espalier-overload-'));
try {
  /** @type {any} */
  const { data } = await (await fetch(`${server.url}/v1/models`)).json();
  const names = data.map(({ id }) => id).filter((id) => id !== 'base');
  const models = names.length === 0 ? ['base'] : names;
  let asked = 0;
  const ask = async () => {
    const place = asked++;
    const model = models[place % models.length];
    return complete(server.url, { model, prompt: promptOf(place, length, config.vocabSize), maxTokens });
  };
  const whole = async () => (await ask()).wholeMs;

  // The first runs prepare buffers.
  for (let i = 0; i < models.length; i++) await ask();
  const idleMs = Math.min(await whole(), await whole(), await whole());
  const full = await closedLoop(ask, 4 * places);
  const before = { rssMb: await server.rssMb(), peakMb: await server.peakMb() };
  const rate = times * full.requestsPerSecond;
  const { summary, endedAt } = await openLoop(models, rate);
  const recoveryMs = await recovery(whole, idleMs, endedAt);
  const after = { rssMb: await server.rssMb(), peakMb: await server.peakMb() };
  const result = {
    work: 'overload',
    slots: Number(slots),
    waiting: Number(waiting),
    adapters: names.length,
    idleMs,
    saturation: { requestsPerSecond: full.requestsPerSecond, p50Ms: full.p50Ms, p99Ms: full.p99Ms },
    rate,
    seconds,
    ok: summary.ok,
    refused: summary.refused,
    failed: summary.failed,
    errors: summary.errors,
    requestsPerSecond: summary.requestsPerSecond,
    admittedMs: summary.latencyMs,
    p99Ratio: summary.latencyMs?.p99 / full.p99Ms,
    refusalMs: summary.refusalMs,
    latenessMs: summary.latenessMs,
    recoveryMs,
    before,
    after,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
} finally {
  await server.stop();
  await rm(folder, { recursive: true });
}

/** As many clients as there are places. The first requests, which find the server empty, do not count. */
async function closedLoop(ask, requests) {
  const all = [];
  let next = 0;
  let began = 0;
  const client = async () => {
    for (let place = next++; place < places + requests; place = next++) {
      const sent = await asSoonAsTaken(ask);
      if (place < places) began = performance.now();
      else all.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: places }, client));
  const requestsPerSecond = (1000 * all.length) / (performance.now() - began);
  return { requestsPerSecond, p50Ms: quantile(all, 0.5), p99Ms: quantile(all, 0.99) };
}

/** A client that has its answer may ask again a moment before its place is free. @returns when the request was sent that was taken */
async function asSoonAsTaken(ask) {
  for (;;) {
    const sent = performance.now();
    try {
      await ask();
      return sent;
    } catch (error) {
      if (!String(error).includes('429')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

/** In a process of its own, so that the client of ten times the load is not slowed down by this one. */
async function openLoop(models, rate) {
  const file = join(folder, 'load.json');
  const options = {
    server: server.url,
    api: 'completions',
    zipf: 0,
    rate,
    duration: seconds,
    'output-file': file,
    'token-ids': config.vocabSize,
    'prompt-tokens': length,
    'answer-tokens': maxTokens,
  };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const named = models.flatMap((model) => ['--model', model]);
  const child = spawn(process.execPath, [join(here, 'bin/espalier'), 'bench', 'serve', '--json', ...named, ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await new Promise((resolve) => child.once('exit', resolve));
  const endedAt = performance.now();
  const { runs } = JSON.parse(await readFile(file, 'utf8'));
  return { summary: runs[0].summary, endedAt };
}

/** Milliseconds from the last answer of the load to the end of the first request that is as fast as before it. */
async function recovery(whole, idleMs, endedAt) {
  while ((await whole()) > 1.5 * idleMs) {
    if (performance.now() - endedAt > 60_000) return Infinity;
  }
  return performance.now() - endedAt;
}
