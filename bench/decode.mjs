// Times decode steps of the serving engine: 8 sequences, each with an adapter of its own.
//
//   UV_THREADPOOL_SIZE=8 node bench/decode.mjs --base DIR [--threads 2] [--batch 8] [--adapters 8] [--tokens 128] [--steps 20]
//
// Prints one line of JSON. A step is the time between two tokens of a sequence while all sequences run.
import { parseArgs } from 'node:util';
import { openBaseModel } from '#internal/models';
import { openEnvironment } from '#internal/onnxruntime';
import { AdapterRegistry } from '#internal/routing';
import { openEngine } from '#internal/engine';
import { typedArray } from '#internal/tensor';
import { randomAdapter } from './random-adapter.mjs';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    threads: { type: 'string', default: '2' },
    batch: { type: 'string', default: '8' },
    adapters: { type: 'string', default: '8' },
    tokens: { type: 'string', default: '128' },
    steps: { type: 'string', default: '20' },
    rank: { type: 'string', default: '16' },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const [batch, adapters, tokens] = [Number(values.batch), Number(values.adapters), Number(values.tokens)];
const [steps, rank] = [Number(values.steps), Number(values.rank)];

const base = await openBaseModel(values.base);
const environment = openEnvironment({ threads: Number(values.threads) });
const engine = await openEngine({ base, environment, maxSlots: batch, maxLength: tokens + steps + 64 });
const registry = new AdapterRegistry(engine.arena);
// WHY twice as many adapters, of which every other one is used: in practice, used adapters lie between unused ones.
for (let i = 0; i < 2 * adapters; i++) await registry.load(`a${i}`, await randomAdapter(base, { seed: i, rank }));
await assertDifferent();

const arrivals = Array.from({ length: batch }, () => []);
await Promise.all(arrivals.map((times, row) => generate(row, times)));
await engine.dispose();
registry.dispose();
environment.dispose();

// Steps count only while all sequences run: from the first token of the last sequence to the last token of the first.
const begin = Math.max(...arrivals.map((times) => times[0]));
const end = Math.min(...arrivals.map((times) => times.at(-1)));
const gaps = arrivals[0].slice(1).map((time, i) => ({ time, gap: time - arrivals[0][i] }));
const counted = gaps.filter(({ time, gap }) => time - gap >= begin && time <= end).map(({ gap }) => gap);
const medianMs = median(counted);
const peakRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
const result = {
  work: 'decode',
  threads: Number(values.threads),
  batch,
  adapters,
  promptTokens: tokens,
  steps: counted.length,
};
const total = counted.reduce((sum, gap) => sum + gap, 0);
const speed = { medianMs, minMs: Math.min(...counted), tokensPerSecond: (batch * 1000 * counted.length) / total };
process.stdout.write(`${JSON.stringify({ ...result, ...speed, peakRssMb })}\n`);

async function generate(row, times) {
  const prompt = Array.from(
    { length: tokens },
    (_, i) => 5 + ((i * 7919 + row * 104729) % (base.config.vocabSize - 5)),
  );
  const request = { tokens: prompt, maxTokens: steps + batch + 4, temperature: 0, stopTokenIds: [] };
  const lease = adapters === 0 ? undefined : registry.acquire(`a${2 * (row % adapters)}`);
  const chosen = lease === undefined ? [] : [{ lease }];
  for await (const _ of engine.generate({ ...request, adapters: chosen })) times.push(performance.now());
  lease?.dispose();
}

/** Throws unless all adapters differ, because a measurement of eight equal adapters would be meaningless. */
async function assertDifferent() {
  const contents = [];
  for (let i = 0; i < adapters; i++) {
    const { modules } = await randomAdapter(base, { seed: i, rank });
    const [first] = modules.values();
    contents.push([first.a, first.b].map((tensor) => typedArray(tensor).slice(0, 64).join()).join());
  }
  if (new Set(contents).size !== adapters) throw new Error('The adapters are not all different');
}
