// The series of a server with many adapters: how long one asking takes, and how long it keeps the event loop.
//
//   node bench/metrics.mjs [--adapters 1000] [--rounds 50]
//
// The adapters are as full as they get: in memory, with requests, tokens and a breaker each. A timer of 1 ms measures stalls: the longest
// time between two of its calls while the text is made, beside what it is on an idle loop. On a machine that does other things too, most
// of that is waiting for a core; so the processor time of the thread between two calls is given as well (Linux).
import { readFileSync } from 'node:fs';
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

/** Processor time of this thread, in milliseconds. */
function threadMs() {
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
}

/** Runs `work` beside a timer of 1 ms. @returns how long it took, and the longest between two calls of the timer, in ms, by both clocks */
async function beside(work) {
  let [last, lastUsed] = [performance.now(), threadMs()];
  let [longest, longestUsed] = [0, 0];
  const look = () => {
    const [now, used] = [performance.now(), threadMs()];
    longest = Math.max(longest, now - last);
    longestUsed = Math.max(longestUsed, used - lastUsed);
    [last, lastUsed] = [performance.now(), threadMs()];
  };
  const timer = setInterval(look, 1);
  await new Promise((resolve) => setTimeout(resolve, 5));
  look();
  [longest, longestUsed] = [0, 0];
  const [began, usedBefore] = [performance.now(), threadMs()];
  const text = await work();
  const [ms, used] = [performance.now() - began, threadMs() - usedBefore];
  await new Promise((resolve) => setTimeout(resolve, 3));
  clearInterval(timer);
  return { ms, used, longest, longestUsed, text };
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
const line = (name, numbers) => process.stdout.write(`${name.padEnd(36)}${shown(numbers)}\n`);
line(
  'time',
  askings.map(({ ms }) => ms),
);
line(
  'processor time',
  askings.map(({ used }) => used),
);
line(
  'longest stall',
  askings.map(({ longest }) => longest),
);
line(
  'processor time in the longest stall',
  askings.map(({ longestUsed }) => longestUsed),
);
line(
  'stall of an idle loop',
  idle.map(({ longest }) => longest),
);
metrics[Symbol.dispose]();
