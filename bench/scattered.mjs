// Adapters scattered among many registered ones: requests a second over HTTP with 8, with 128 of rank 16 and with 1,000 of rank 2,
// 8 clients each asking a random one; memory, the time until ready, and the latency of lists and refusals.
//
//   node bench/scattered.mjs --base DIR [--before BUILD] [--threads 2] [--requests 96] [--tokens 32] [--many 128] [--most 1000]
//
// A base that is not quantized is quantized to int8 first. With a build from before, each case runs by both, one after the other.
// On two cores and a base of 0.41 B parameters it takes about 25 minutes beside another build, and 10 GB of disk in TMPDIR.
import { link, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom } from '#internal/core';
import { openBaseModel } from '#internal/models';
import { complete, promptOf, quantile, runCommand, runLoad, startServer } from './served-process.mjs';
import { writeAdapters } from './written-adapters.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    before: { type: 'string' },
    threads: { type: 'string', default: '2' },
    requests: { type: 'string', default: '96' },
    tokens: { type: 'string', default: '32' },
    many: { type: 'string', default: '128' },
    most: { type: 'string', default: '1000' },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const [requests, tokens, many, most] = [values.requests, values.tokens, values.many, values.most].map(Number);
const clients = 8;

const here = fileURLToPath(new URL('..', import.meta.url));
const builds = [
  ...(values.before === undefined ? [] : [{ name: 'before', path: values.before }]),
  { name: 'now', path: here },
];
const folder = await mkdtemp(join(tmpdir(), 'espalier-scattered-'));
const results = [];
try {
  const base = await quantizedBase(values.base);
  const { modules, config } = await openBaseModel(base);
  const linears = modules.filter(({ path, kind }) => path !== 'lm_head' && (kind ?? 'linear') === 'linear');
  const cases = [{ name: 'none', folder: await folderOf('none', []), names: [] }, ...(await casesOf(linears))];
  for (const each of cases) {
    // WHY in turn: what else the machine does then falls on both.
    for (const build of builds) {
      const result = { case: each.name, build: build.name, ...(await measure(build, base, each, config.vocabSize)) };
      results.push(result);
      process.stderr.write(`${JSON.stringify(result)}\n`);
    }
  }
} finally {
  await rm(folder, { recursive: true });
}
process.stdout.write(`${JSON.stringify({ work: 'scattered', results, ratios: ratiosOf(results) })}\n`);

async function quantizedBase(path) {
  const { weights } = await openBaseModel(path);
  if ([...weights.values()].some(({ quantized }) => quantized !== undefined)) return path;
  const output = join(folder, 'base-int8');
  runCommand(here, ['quantize', '--base', path, '--int8', '--output', output]);
  return output;
}

async function casesOf(linears) {
  const all = join(folder, 'adapters');
  const wide = await writeAdapters(all, { count: many, rank: 16, modules: linears });
  const narrow = await writeAdapters(all, { count: most, rank: 2, modules: linears });
  const few = wide.slice(0, clients);
  return [
    { name: `${few.length} of r=16`, folder: await folderOf('few', few), names: few },
    { name: `${wide.length} of r=16`, folder: await folderOf('many', wide), names: wide },
    { name: `${narrow.length} of r=2`, folder: await folderOf('most', narrow), names: narrow },
    {
      name: `${clients} of r=2`,
      folder: await folderOf('narrow', narrow.slice(0, clients)),
      names: narrow.slice(0, clients),
    },
  ];
}

/** A folder of adapters that lie elsewhere, each file linked: what is served must lie in the folder itself. */
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

async function measure(build, base, { folder: adapters, names }, vocabulary) {
  const words = ['--base', base, '--adapters', adapters, '--threads', values.threads, '--max-slots', String(clients)];
  const server = await startServer(build.path, [...words, '--served-name', 'base']);
  try {
    const idleMb = await server.rssMb();
    const random = createRandom(7, 'requests');
    const chosen = Array.from({ length: requests }, () => names[random.integer(names.length)] ?? 'base');
    const ask = (place) =>
      complete(server.url, {
        model: chosen[place % requests] ?? 'base',
        prompt: promptOf(place, 16, vocabulary),
        maxTokens: tokens,
      });
    // WHY a round before: the first answers of an adapter wait for its file, in both builds at other times.
    await runLoad({ requests: Math.min(requests, 2 * clients), clients, ask });
    const { requestsPerSecond, firstMs } = await runLoad({ requests, clients, ask });
    return {
      readyMs: Math.round(server.readyMs),
      requestsPerSecond,
      firstMsP50: quantile(firstMs, 0.5),
      firstMsP99: quantile(firstMs, 0.99),
      ...(await latencies(server.url)),
      idleMb,
      busyMb: await server.rssMb(),
      peakMb: await server.peakMb(),
    };
  } finally {
    await server.stop();
  }
}

/** The list of models, and a request that ends where its model's name is looked up. */
async function latencies(url) {
  const time = async (ask) => {
    const times = [];
    for (let i = 0; i < 60; i++) {
      const began = performance.now();
      await (await ask()).arrayBuffer();
      if (i >= 10) times.push(performance.now() - began);
    }
    return quantile(times, 0.5);
  };
  const body = JSON.stringify({ model: 'no such adapter', prompt: [1], max_tokens: 1 });
  const headers = { 'content-type': 'application/json' };
  return {
    modelsMs: await time(() => fetch(`${url}/v1/models`)),
    lookUpMs: await time(() => fetch(`${url}/v1/completions`, { method: 'POST', headers, body })),
  };
}

/** Requests a second beside those with few adapters of the same rank. */
function ratiosOf(all) {
  const speed = (name, build) => all.find((each) => each.case === name && each.build === build)?.requestsPerSecond;
  return builds.map(({ name }) => ({
    build: name,
    [`${many} of r=16`]: speed(`${many} of r=16`, name) / speed(`${Math.min(clients, many)} of r=16`, name),
    [`${most} of r=2`]: speed(`${most} of r=2`, name) / speed(`${clients} of r=2`, name),
  }));
}
