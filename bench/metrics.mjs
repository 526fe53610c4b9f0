// The series of a server with many adapters: how long one asking takes, and how long it keeps the event loop.
//
//   node bench/metrics.mjs [--adapters 1000] [--rounds 50]
//
// The adapters are as full as they get: in memory, with requests, tokens and a breaker each. A timer of 1 ms measures stalls: the longest
// time between two of its calls while the text is made, less what it is on an idle loop.
import { parseArgs } from 'node:util';
import { ServerMetrics } from '#internal/telemetry';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: { adapters: { type: 'string', default: '1000' }, rounds: { type: 'string', default: '50' } },
});
const [count, rounds] = [Number(values.adapters), Number(values.rounds)];

const adapters = Array.from({ length: count }, (_, i) => ({
  name: `tenant-${i}/adapter-${i}`,
  state: 'serving',
  version: i.toString(16).padStart(64, '0'),
  bytes: 1_000_000,
  requests: i % 3,
  isResident: true,
  isActive: i % 50 === 0,
  isPinned: false,
  isDraining: false,
}));
const metrics = new ServerMetrics({ version: 'bench' });
metrics.attach({
  baseName: 'base',
  isReady: () => true,
  adapters: () => adapters,
  breakers: () => adapters.map(({ version }) => ({ version, state: 'closed' })),
  rollouts: () => [],
  memory: () => ({ used: 1e9, limit: 2e9, versions: count }),
});
for (const { name, version } of adapters) {
  metrics.ended({
    how: 'finished',
    isBackground: false,
    adapters: [{ name, version, scale: 1 }],
    promptTokens: 100,
    cachedTokens: 16,
    generatedTokens: 50,
    times: { arrived: 0, admitted: 1, firstToken: 20, finished: 500 },
  });
}

/** Runs `work` beside a timer of 1 ms. @returns how long it took, and the longest time between two calls of the timer, in ms */
async function beside(work) {
  let last = performance.now();
  let longest = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  await new Promise((resolve) => setTimeout(resolve, 5));
  last = performance.now();
  longest = 0;
  const began = performance.now();
  const text = await work();
  const ms = performance.now() - began;
  await new Promise((resolve) => setTimeout(resolve, 3));
  clearInterval(timer);
  return { ms, longest, text };
}

for (let i = 0; i < 5; i++) await metrics.text();
const askings = [];
const idle = [];
for (let i = 0; i < rounds; i++) {
  askings.push(await beside(() => metrics.text()));
  idle.push(await beside(() => new Promise((resolve) => setTimeout(resolve, 10))));
}
const lines = askings[0].text
  .toString()
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#')).length;
const shown = (numbers) => {
  const sorted = numbers.toSorted((a, b) => a - b);
  return `median ${median(sorted).toFixed(1)} ms, worst ${sorted.at(-1).toFixed(1)} ms`;
};
process.stdout.write(
  `${count} adapters, ${lines} lines, ${(askings[0].text.length / 1024).toFixed(0)} KiB, ${rounds} askings\n`,
);
process.stdout.write(`time           ${shown(askings.map(({ ms }) => ms))}\n`);
process.stdout.write(`longest stall  ${shown(askings.map(({ longest }) => longest))}\n`);
process.stdout.write(`stall of an idle loop  ${shown(idle.map(({ longest }) => longest))}\n`);
metrics[Symbol.dispose]();
