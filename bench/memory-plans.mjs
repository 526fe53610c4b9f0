// Peak memory and latency of the three memory plans, each in its own process, on the same requests.
//
//   node bench/memory-plans.mjs [--threads 2] [--requests 600] [--rounds 3] [--json]
//
// Four models share a process. Clients send images of a few sizes, one to four at a time, to alternating models. So shapes change from
// batch to batch, and no two models are busy all the time.
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom } from '#internal/core';
import { memoryPlans, openInferenceModel, SharedArenas } from '#internal/batching';
import { openEnvironment } from '#internal/onnxruntime';
import { zerosOf } from '#internal/tensor';
import { writeConvolution } from './served-models.mjs';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    requests: { type: 'string', default: '600' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    plan: { type: 'string' },
    folder: { type: 'string' },
  },
});
const [threads, requests, rounds] = [values.threads, values.requests, values.rounds].map(Number);
const models = 4;
const clients = 8;
const maxBatch = 16;
const sizes = [96, 128, 224];

if (values.plan !== undefined) process.send(await measure(values.plan));
else await compare();

async function compare() {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  for (let i = 0; i < models; i++) await writeConvolution(join(folder, `${i}.onnx`), 16);
  const runs = Object.fromEntries(memoryPlans.map((plan) => [plan, []]));
  // WHY alternating: other load of the machine then affects all plans.
  for (let round = 0; round < rounds; round++) {
    for (const plan of memoryPlans) runs[plan].push(await runIn(folder, plan));
  }
  await rm(folder, { recursive: true });
  const report = memoryPlans.map((plan) => {
    const middle = (name) => median(runs[plan].map((run) => run[name]));
    return {
      plan,
      peakMiB: middle('peakMiB'),
      reservedMiB: middle('reservedMiB'),
      p50: middle('p50'),
      p99: middle('p99'),
    };
  });
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else for (const line of report) process.stdout.write(`${textOf(line, report.at(-1))}\n`);
}

function textOf({ plan, peakMiB, reservedMiB, p50, p99 }, base) {
  const times = (ms, other) => `${ms.toFixed(2)} ms (${(ms / other).toFixed(2)} of on-demand)`;
  const memory = `peak +${peakMiB.toFixed(0)} MiB, ${reservedMiB.toFixed(1)} MiB kept for buffers`;
  return `${plan.padEnd(9)} ${memory}, p50 ${times(p50, base.p50)}, p99 ${times(p99, base.p99)}`;
}

function runIn(folder, plan) {
  const words = ['--plan', plan, '--folder', folder, '--threads', String(threads), '--requests', String(requests)];
  const child = fork(fileURLToPath(import.meta.url), words, { env: { ...process.env, UV_THREADPOOL_SIZE: '8' } });
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => code !== 0 && reject(new Error(`The plan ${plan} ended with ${code}`)));
  });
}

async function measure(memoryPlan) {
  const environment = openEnvironment({ threads });
  const arenas = new SharedArenas();
  const served = [];
  for (let i = 0; i < models; i++) {
    const options = { name: String(i), environment, arenas, maxBatch, memoryPlan };
    served.push(await openInferenceModel(join(values.folder, `${i}.onnx`), options));
  }
  const images = new Map(sizes.flatMap((size) => [1, 2, 3, 4].map((rows) => [`${rows}x${size}`, imageOf(rows, size)])));
  const before = process.resourceUsage().maxRSS;
  const latencies = [];
  let left = requests;
  const client = async (_, seed) => {
    const random = createRandom(seed, 'client');
    while (left-- > 0) {
      const model = served[random.integer(models)];
      const x = images.get(`${1 + random.integer(4)}x${sizes[random.integer(sizes.length)]}`);
      const began = performance.now();
      await model.infer({ inputs: new Map([['x', x]]) });
      latencies.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const reserved = memoryPlan === 'two-level' ? [arenas] : served.map(({ memory }) => memory);
  const reservedMiB = reserved.reduce((sum, { reservedBytes }) => sum + reservedBytes, 0) / 2 ** 20;
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))];
  for (const model of served) await model.dispose();
  arenas.dispose();
  environment.dispose();
  const peakMiB = (process.resourceUsage().maxRSS - before) / 1024;
  return { peakMiB, reservedMiB, p50: at(0.5), p99: at(0.99) };
}

function imageOf(rows, size) {
  const image = zerosOf('float32', [rows, 3, size, size]);
  image.bytes.fill(1);
  return image;
}
