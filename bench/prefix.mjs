// Times the first token of a request whose prompt begins with tokens that an earlier request had.
//
//   UV_THREADPOOL_SIZE=8 node bench/prefix.mjs --base DIR [--threads 2] [--shared 512] [--tail 8] [--rounds 5] [--rank 16]
//
// Prints one line of JSON: the time to the first token of the first request and of the second, over rounds with prompts of their own,
// with an adapter on all linear modules.
import { parseArgs } from 'node:util';
import { initAdapter } from '#internal/lora';
import { openBaseModel } from '#internal/models';
import { openEnvironment } from '#internal/onnxruntime';
import { AdapterRegistry } from '#internal/routing';
import { openEngine } from '#internal/engine';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    threads: { type: 'string', default: '2' },
    shared: { type: 'string', default: '512' },
    tail: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '5' },
    rank: { type: 'string', default: '16' },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const [shared, tail, rounds, rank] = [values.shared, values.tail, values.rounds, values.rank].map(Number);

const base = await openBaseModel(values.base);
const environment = openEnvironment({ threads: Number(values.threads) });
const engine = await openEngine({ base, environment, maxSlots: 8 });
const registry = new AdapterRegistry(engine.arena);
const config = { rank, alpha: 2 * rank, dropout: 0, targetModules: 'all-linear' };
const linears = base.modules.filter(({ path }) => path !== 'lm_head');
const modules = await initAdapter(linears, config, { seed: 1 });
await registry.load('a', { config, modules, digest: '1'.repeat(64), baseName: undefined });

// The first run of each length prepares buffers.
await firstToken(promptOf(1000, 0));
await firstToken(promptOf(1000, 1));
const times = { first: [], second: [] };
for (let round = 0; round < rounds; round++) {
  const first = await firstToken(promptOf(round, 0));
  const second = await firstToken(promptOf(round, 1));
  if (first.cached !== 0 || second.cached !== shared) throw new Error('The second request did not share the prompt');
  times.first.push(first.ms);
  times.second.push(second.ms);
}
await engine.dispose();
registry.dispose();
environment.dispose();

const figures = Object.fromEntries(
  Object.entries(times).map(([name, all]) => [name, { medianMs: median(all), minMs: Math.min(...all) }]),
);
const share = figures.second.minMs / figures.first.minMs;
process.stdout.write(`${JSON.stringify({ work: 'prefix', shared, tail, rounds, ...figures, share })}\n`);

/** @param {number} round @param {number} nth */
function promptOf(round, nth) {
  const token = (i, seed) => 5 + ((i * 7919 + seed * 104729) % (base.config.vocabSize - 5));
  return Array.from({ length: shared + tail }, (_, i) => token(i, i < shared ? round : 5000 + 2 * round + nth));
}

/** @param {number[]} tokens */
async function firstToken(tokens) {
  const lease = registry.acquire('a');
  try {
    const began = performance.now();
    const stream = engine.generate({ tokens, maxTokens: 1, stopTokenIds: [], adapters: [{ lease }] });
    for await (const _ of stream) return { ms: performance.now() - began, cached: stream.cachedTokens };
  } finally {
    lease.dispose();
  }
  throw new Error('There was no token');
}
