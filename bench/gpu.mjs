// Measures a GPU against the CPU of the same machine, in one short run: decode steps with 8, 64 and 512 mixed adapters and of the base
// alone, a prefill, the activation of an adapter, and a training step.
//
//   UV_THREADPOOL_SIZE=8 node bench/gpu.mjs --base DIR [--provider webgpu] [--batches 8,64,512] [--budget 600]
//
// Prints one line of JSON for each measurement, at once, so that what was measured stays if time runs out. --budget: seconds after which
// nothing new is begun. It refuses a driver that is only software, unless --software is given.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { decideThreads, messageOf } from '#internal/core';
import { knownProviders } from '#internal/execution';
import { openEngine } from '#internal/engine';
import { initAdapter } from '#internal/lora';
import { openBaseModel } from '#internal/models';
import { openEnvironment } from '#internal/onnxruntime';
import { AdapterRegistry } from '#internal/routing';
import { tensorOf } from '#internal/tensor';
import { resolveTrainOptions, runTraining } from '#internal/train';
import { median } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    provider: { type: 'string', default: 'webgpu' },
    batches: { type: 'string', default: '8,64,512' },
    budget: { type: 'string', default: '600' },
    rank: { type: 'string', default: '16' },
    steps: { type: 'string', default: '16' },
    tokens: { type: 'string', default: '128' },
    software: { type: 'boolean', default: false },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const begun = performance.now();
const [rank, steps, tokens] = [Number(values.rank), Number(values.steps), Number(values.tokens)];
const threads = decideThreads().compute;

const known = await knownProviders({ threads });
const device = known.others.find(({ provider }) => provider === values.provider);
if (device === undefined || device.problem !== undefined) {
  throw new Error(`${values.provider} cannot be used: ${device?.problem ?? 'it is unknown'}`);
}
if (device.isSoftware && !values.software)
  throw new Error('The driver is only software; --software measures it all the same');
say({ work: 'machine', devices: device.devices, cpu: known.cpu.processor, threads, library: known.library });

const base = await openBaseModel(values.base);
for (const provider of [values.provider, 'cpu']) {
  const environment = openEnvironment({ threads, provider: /** @type {any} */ (provider) });
  try {
    for (const batch of values.batches.split(',').map(Number)) {
      for (const adapters of [0, batch]) {
        if (isLate()) break;
        await attempt({ work: 'decode', provider, batch, adapters }, () => decode(environment, batch, adapters));
      }
    }
    if (!isLate()) await attempt({ work: 'training step', provider }, () => train(environment));
  } finally {
    environment.dispose();
  }
}

function isLate() {
  return performance.now() - begun > Number(values.budget) * 1000;
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** What fails is said too: a batch may be too large for the device. */
async function attempt(what, measure) {
  try {
    say({ ...what, ...(await measure()) });
  } catch (error) {
    say({ ...what, failed: messageOf(error) });
  }
}

/** The time between two tokens while all sequences run, to the first token of one alone, and of an adapter's activation. */
async function decode(environment, batch, adapters) {
  const maxLength = tokens + steps + 16;
  // WHY no kept prompts: the second prompt would not run.
  const sizes = { maxSlots: batch, maxLength, adapterRows: Math.max(rank, batch * rank), prefixCache: 0 };
  const engine = await openEngine({ base, environment, ...sizes, ...(adapters === 0 && { adapterTargets: false }) });
  const registry = new AdapterRegistry(engine.arena);
  try {
    for (let i = 0; i < adapters; i++) await registry.load(`a${i}`, await adapterOf(i));
    // The first one compiles; the second is timed.
    const first = [];
    for (const row of [0, 0]) first.push(await generate(engine, registry, { row, adapters, count: 2 }));
    const prefillMs = first[1][0].at - first[1][0].asked;
    const activation = adapters > 1 ? await activate(engine, registry, adapters) : undefined;
    const all = await Promise.all(
      Array.from({ length: batch }, (_, row) => generate(engine, registry, { row, adapters, count: steps })),
    );
    const start = Math.max(...all.map((times) => times[0].at));
    const end = Math.min(...all.map((times) => times.at(-1).at));
    const gaps = all[0].slice(1).map(({ at }, i) => ({ at, gap: at - all[0][i].at }));
    const counted = gaps.filter(({ at, gap }) => at - gap >= start && at <= end).map(({ gap }) => gap);
    return { stepMs: median(counted), steps: counted.length, prefillMs, promptTokens: tokens, ...activation };
  } finally {
    await engine.dispose();
    registry.dispose();
  }
}

/** The time to the first token with adapters that are not active yet, and with the same ones when they are. The first is not counted. */
async function activate(engine, registry, adapters) {
  const [inactive, active] = [[], []];
  for (let row = 1; row < Math.min(adapters, 6); row++) {
    for (const times of [inactive, active]) {
      const [{ asked, at }] = await generate(engine, registry, { row, adapters, count: 1 });
      if (row > 1 || adapters === 2) times.push(at - asked);
    }
  }
  return { firstTokenInactiveMs: median(inactive), firstTokenActiveMs: median(active) };
}

async function generate(engine, registry, { row, adapters, count }) {
  const lease = adapters === 0 ? undefined : registry.acquire(`a${row % adapters}`);
  const prompt = Array.from({ length: tokens }, (_, i) => (7 * i + 13 * row) % base.config.vocabSize);
  const asked = performance.now();
  const request = { tokens: prompt, maxTokens: count, stopTokenIds: [], adapters: lease ? [{ lease }] : [] };
  const times = [];
  for await (const _ of engine.generate(request)) times.push({ asked, at: performance.now() });
  lease?.[Symbol.dispose]();
  return times;
}

/** An adapter whose B is not zero, so that its product cannot be skipped. */
async function adapterOf(seed) {
  const config = { rank, alpha: 2 * rank, dropout: 0, targetModules: 'all-linear' };
  const linears = base.modules.filter(({ path }) => path !== 'lm_head');
  const modules = new Map();
  for (const [path, module] of await initAdapter(linears, config, { seed })) {
    const { shape } = module.b;
    const count = shape.reduce((product, dim) => product * dim, 1);
    const values = Float32Array.from({ length: count }, (_, i) => 0.01 * Math.sin(i + 7 * seed));
    modules.set(path, { ...module, b: tensorOf('float32', shape, values) });
  }
  return { config, modules, digest: String(seed).padStart(64, '0'), baseName: undefined };
}

/** The median of the time of a step: 4 rows of 128 tokens, rank 16 on all linear modules. The first two are not counted. */
async function train(environment) {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-gpu-'));
  try {
    const ids = Array.from({ length: 128 }, (_, i) => (11 * i) % base.config.vocabSize);
    const data = join(folder, 'rows.jsonl');
    await writeFile(data, `${JSON.stringify({ input_ids: ids, labels: ids })}\n`.repeat(32));
    const options = { base: values.base, data, output: join(folder, 'out'), rank, batchSize: 4, maxSteps: 8 };
    const times = [];
    const onEvent = (event) => event.kind === 'stepped' && times.push(performance.now());
    await runTraining(resolveTrainOptions(options), { environment, onEvent });
    const gaps = times.slice(1).map((at, i) => at - times[i]);
    return { stepMs: median(gaps.slice(1)), steps: gaps.length - 1 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
