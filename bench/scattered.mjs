// Adapters scattered among many registered ones, over HTTP. Measures requests per second of 8 clients that each request a random adapter
// of 8, of 128 of rank 16, and of 1,000 of rank 2; memory; the time until ready and until all are read; the latency of lists and look-ups.
//
//   node bench/scattered.mjs --base DIR [--before BUILD] [--threads 2] [--rounds 5] [--requests 32] [--tokens 32]
//                            [--many 128] [--most 1000] [--adapter-memory 6000]
//
// Few and many adapters are served at the same time by two servers of one build. They get requests in alternating rounds, so that other
// load of the machine affects both. A base that is not quantized is first quantized to int8. With two cores and a base of 0.41 B
// parameters this takes about 20 minutes, or 40 compared with another build; it needs 10 GB of disk in TMPDIR and 12 GB of memory.
import { link, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom } from '#internal/core';
import { openBaseModel } from '#internal/models';
import { complete, promptOf, quantile, runCommand, runLoad, startServer } from './served-process.mjs';
import { median } from './statistics.mjs';
import { writeAdapters } from './written-adapters.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    before: { type: 'string' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '32' },
    tokens: { type: 'string', default: '32' },
    many: { type: 'string', default: '128' },
    most: { type: 'string', default: '1000' },
    'adapter-memory': { type: 'string', default: '6000' },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const [rounds, requests, tokens, many, most] = [
  values.rounds,
  values.requests,
  values.tokens,
  values.many,
  values.most,
].map(Number);
const clients = 8;

const here = fileURLToPath(new URL('..', import.meta.url));
const builds = [
  ...(values.before === undefined ? [] : [{ name: 'before', path: values.before, words: [] }]),
  { name: 'now', path: here, words: ['--adapter-memory', values['adapter-memory']] },
];
const folder = await mkdtemp(join(tmpdir(), 'espalier-scattered-'));
const results = [];
try {
  const base = await quantizedBase(values.base);
  const { modules, config } = await openBaseModel(base);
  const linears = modules.filter(({ path, kind }) => path !== 'lm_head' && (kind ?? 'linear') === 'linear');
  const none = { name: 'none', folder: await folderOf('none', []), names: [] };
  for (const build of builds) tell({ build: build.name, ...(await alone(build, base, none)) });
  for (const pair of await pairsOf(linears)) {
    for (const build of builds) tell(await compare(build, base, pair, config.vocabSize));
  }
} finally {
  await rm(folder, { recursive: true });
}
process.stdout.write(`${JSON.stringify({ work: 'scattered', results })}\n`);

function tell(result) {
  results.push(result);
  process.stderr.write(`${JSON.stringify(result)}\n`);
}

async function quantizedBase(path) {
  const { weights } = await openBaseModel(path);
  if ([...weights.values()].some(({ quantized }) => quantized !== undefined)) return path;
  const output = join(folder, 'base-int8');
  runCommand(here, ['quantize', '--base', path, '--int8', '--output', output]);
  return output;
}

/** A few and many adapters of one rank. The few are the first of the many. */
async function pairsOf(linears) {
  const pairs = [];
  for (const { count, rank } of [
    { count: many, rank: 16 },
    { count: most, rank: 2 },
  ]) {
    const names = await writeAdapters(join(folder, 'adapters'), { count, rank, modules: linears });
    const caseOf = async (some) => ({
      name: `${some.length} of r=${rank}`,
      folder: await folderOf(`${some.length}-of-${rank}`, some),
      names: some,
    });
    pairs.push([await caseOf(names.slice(0, clients)), await caseOf(names)]);
  }
  return pairs;
}

/** A folder with hard links to adapters in other folders. WHY links to files: served adapters must lie in the folder itself. */
async function folderOf(name, adapters) {
  const path = join(folder, 'served', name);
  await mkdir(path, { recursive: true });
  for (const adapter of adapters) {
    await mkdir(join(path, adapter));
    for (const file of ['adapter_config.json', 'adapter_model.safetensors']) {
      await link(join(folder, 'adapters', adapter, file), join(path, adapter, file));
    }
  }
  return path;
}

async function serve(build, base, adapters) {
  const words = ['--base', base, '--adapters', adapters, '--threads', values.threads, '--max-slots', String(clients)];
  return startServer(build.path, [...words, '--served-name', 'base', ...build.words]);
}

async function alone(build, base, { name, folder: adapters }) {
  const server = await serve(build, base, adapters);
  try {
    return { case: name, readyMs: Math.round(server.readyMs), idleMb: await server.rssMb() };
  } finally {
    await server.stop();
  }
}

/** Measures both cases of a pair in alternating rounds, on two servers of one build. */
async function compare(build, base, pair, vocabulary) {
  const sides = [];
  try {
    // WHY not at once: the servers would compete for the processor while they start.
    for (const each of pair) {
      const server = await serve(build, base, each.folder);
      const { readyMs } = server;
      const firstReads = await load(server, each, { round: -1, vocabulary });
      await server.whenIdle();
      sides.push({ each, server, readyMs, firstReads, readMs: performance.now() - server.began, rounds: [] });
    }
    for (let round = 0; round < rounds; round++) {
      for (const { each, server, rounds: done } of sides) done.push(await load(server, each, { round, vocabulary }));
    }
    const summaries = [];
    for (const side of sides) summaries.push(await summary(side));
    const ratios = sides[0].rounds.map((few, i) => sides[1].rounds[i].requestsPerSecond / few.requestsPerSecond);
    return { build: build.name, sides: summaries, ratio: median(ratios), ratios };
  } finally {
    for (const { server } of sides) await server.stop();
  }
}

function load(server, { names }, { round, vocabulary }) {
  const random = createRandom(7 + round, 'requests');
  const chosen = Array.from({ length: requests }, () => names[random.integer(names.length)]);
  const ask = (place) => {
    const prompt = promptOf(place + (round + 1) * requests, 16, vocabulary);
    return complete(server.url, { model: chosen[place], prompt, maxTokens: tokens });
  };
  return runLoad({ requests, clients, ask });
}

async function summary({ each, server, readyMs, readMs, firstReads, rounds: done }) {
  const firstMs = done.flatMap((round) => round.firstMs);
  return {
    case: each.name,
    readyMs: Math.round(readyMs),
    readMs: Math.round(readMs),
    requestsPerSecondAtOnce: firstReads.requestsPerSecond,
    requestsPerSecond: median(done.map((round) => round.requestsPerSecond)),
    firstMsP50: quantile(firstMs, 0.5),
    firstMsP99: quantile(firstMs, 0.99),
    ...(await latencies(server.url)),
    busyMb: await server.rssMb(),
    peakMb: await server.peakMb(),
  };
}

/**
 * Latencies of the list of models, and of a request that ends when its model's name is looked up: the admission of a chat without the
 * answer. The client is minimal, because at these latencies a larger client would measure itself.
 */
async function latencies(url) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (path, method, body) =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const sent = request(`${url}${path}`, { method, agent, headers }, (response) => {
        response.on('end', resolve).resume();
      });
      sent.once('error', reject).end(body);
    });
  const time = async (path, method, body) => {
    const times = [];
    for (let i = 0; i < 300; i++) {
      const began = performance.now();
      await ask(path, method, body);
      if (i >= 100) times.push(performance.now() - began);
    }
    return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
  };
  const messages = [{ role: 'user', content: 'Hello' }];
  const unknown = JSON.stringify({ model: 'no such adapter', messages, max_tokens: 1 });
  const result = {
    modelsMs: await time('/v1/models', 'GET', ''),
    admissionMs: await time('/v1/chat/completions', 'POST', unknown),
  };
  agent.destroy();
  return result;
}
