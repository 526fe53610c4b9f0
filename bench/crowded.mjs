// More adapters in use than the arena holds: the time to the first token, beside that with as many as it holds.
//
//   node bench/crowded.mjs --base DIR [--held 8] [--times 2] [--slots 8] [--requests 32] [--rounds 5] [--rank 16] [--prompt 32] [--tokens 16] [--threads 2]
//
// One engine whose arena has rank rows for `--held` adapters. As many clients as it has slots ask one after the other, each time another
// adapter by chance: of the first `--held`, or of `--times` as many, in turns. Their weights are in host memory. Prints one line of JSON.
import { parseArgs } from 'node:util';
import { createRandom } from '#internal/core';
import { adapterRowsFor, openEngine } from '#internal/engine';
import { openBaseModel } from '#internal/models';
import { openEnvironment } from '#internal/onnxruntime';
import { AdapterRegistry } from '#internal/routing';
import { promptOf, quantile, runLoad } from './served-process.mjs';
import { randomAdapter } from './random-adapter.mjs';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    held: { type: 'string', default: '8' },
    times: { type: 'string', default: '2' },
    slots: { type: 'string', default: '8' },
    requests: { type: 'string', default: '32' },
    rounds: { type: 'string', default: '5' },
    rank: { type: 'string', default: '16' },
    prompt: { type: 'string', default: '32' },
    tokens: { type: 'string', default: '16' },
    threads: { type: 'string', default: '2' },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const [held, times, slots, requests] = [values.held, values.times, values.slots, values.requests].map(Number);
const [rounds, rank, length, maxTokens] = [values.rounds, values.rank, values.prompt, values.tokens].map(Number);

const base = await openBaseModel(values.base);
const environment = openEnvironment({ threads: Number(values.threads) });
const adapterRows = adapterRowsFor(Array.from({ length: held }, () => rank));
const room = { maxSlots: slots, maxLength: length + maxTokens, adapterRows, prefixCache: 0 };
const engine = await openEngine({ base, environment, ...room });
const registry = new AdapterRegistry(engine.arena);
for (let i = 0; i < held * times; i++) await registry.load(`a${i}`, await randomAdapter(base, { seed: i, rank }));

let asked = 0;
/** @param {number} count  adapters that are asked */
async function load(count, round) {
  const random = createRandom(round, 'crowded');
  const chosen = Array.from({ length: requests }, () => random.integer(count));
  const before = engine.load().arena?.activations ?? 0;
  const { requestsPerSecond, firstMs } = await runLoad({
    requests,
    clients: slots,
    ask: (place) => ask(chosen[place]),
  });
  const copied = (engine.load().arena?.activations ?? 0) - before;
  return { requestsPerSecond, firstMs, copied };
}

async function ask(adapter) {
  const tokens = promptOf(asked++, length, base.config.vocabSize);
  const lease = registry.acquire(`a${adapter}`);
  const began = performance.now();
  let firstMs = Number.NaN;
  const request = { tokens, maxTokens, temperature: 0, stopTokenIds: [], adapters: [{ lease }] };
  for await (const _ of engine.generate(request)) {
    if (Number.isNaN(firstMs)) firstMs = performance.now() - began;
  }
  lease.dispose();
  return { firstMs };
}

const kinds = [held, held * times];
const results = new Map(kinds.map((count) => [count, { firstMs: [], perSecond: [], copied: 0 }]));
for (const count of kinds) await load(count, -1);
for (let round = 0; round < rounds; round++) {
  for (const count of kinds) {
    const { requestsPerSecond, firstMs, copied } = await load(count, round);
    const result = results.get(count);
    result.firstMs.push(...firstMs);
    result.perSecond.push(requestsPerSecond);
    result.copied += copied;
  }
}
await engine.dispose();
registry.dispose();
environment.dispose();

const rows = [...results].map(([adapters, { firstMs, perSecond, copied }]) => ({
  adapters,
  firstMs: quantile(firstMs, 0.5),
  firstMsP99: quantile(firstMs, 0.99),
  requestsPerSecond: median(perSecond),
  copied,
}));
const [few, many] = rows;
const ratios = {
  firstMs: many.firstMs / few.firstMs,
  firstMsP99: many.firstMsP99 / few.firstMsP99,
  requestsPerSecond: many.requestsPerSecond / few.requestsPerSecond,
};
process.stdout.write(`${JSON.stringify({ work: 'crowded', held, slots, rounds, rows, ratios })}\n`);
