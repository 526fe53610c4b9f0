// What a fine-tuning job takes from the requests of its server: their times while it trains, beside their times while it stands still.
//
//   node bench/while-training.mjs --base DIR [--pairs 12] [--seconds 4] [--clients 2] [--prompt 32] [--tokens 16] [--threads N] [--job-threads N] [--epochs 50]
//
// A server with `--store` and `--jobs` gets rows and a job through its API. As soon as the job takes steps, clients ask in short blocks;
// between them the process of the training is stopped (SIGSTOP) and goes on (SIGCONT) in turns, so that what else the machine does touches
// both alike. Without `--threads` and `--job-threads` the server decides by itself, as it does for its users. Printed are the times of
// whole answers and of first tokens in both states, the ratio of their 99th percentiles, and how far the training came meanwhile, beside
// how far it comes with no requests.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openBaseModel } from '#internal/models';
import { askFor, complete, promptOf, quantile, startServer } from './served-process.mjs';

const here = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    pairs: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '4' },
    clients: { type: 'string', default: '2' },
    prompt: { type: 'string', default: '32' },
    tokens: { type: 'string', default: '16' },
    threads: { type: 'string' },
    'job-threads': { type: 'string' },
    epochs: { type: 'string', default: '50' },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const { base } = values;
const [pairs, seconds, clients, length, maxTokens] = [
  values.pairs,
  values.seconds,
  values.clients,
  values.prompt,
  values.tokens,
].map(Number);

const { config } = await openBaseModel(base);
const folder = await mkdtemp(join(tmpdir(), 'espalier-while-training-'));
const words = [
  '--base',
  base,
  '--served-name',
  'base',
  '--store',
  join(folder, 'store'),
  '--jobs',
  join(folder, 'jobs'),
];
for (const name of ['threads', 'job-threads']) if (values[name]) words.push(`--${name}`, values[name]);
const server = await startServer(here, words);
let pid = 0;
try {
  const job = await createJob();
  pid = await trainingOf(job);
  let place = 0;
  await stepsOf(job, 2);
  await block(2);
  const alone = await progress(job, async () => new Promise((resolve) => setTimeout(resolve, 1000 * seconds)));
  const states = { training: [], standing: [] };
  let [beside, besideMs] = [0, 0];
  for (let pair = 0; pair < pairs; pair++) {
    for (const state of pair % 2 === 0 ? ['training', 'standing'] : ['standing', 'training']) {
      process.kill(pid, state === 'training' ? 'SIGCONT' : 'SIGSTOP');
      const run = async () => void states[state].push(...(await block(seconds)));
      if (state === 'standing') await run();
      else {
        const { steps, ms } = await progress(job, run);
        beside += steps;
        besideMs += ms;
      }
    }
  }
  const of = (state, key, share) =>
    Math.round(
      10 *
        quantile(
          states[state].map((one) => one[key]),
          share,
        ),
    ) / 10;
  const figures = (state, key) => ({ p50: of(state, key, 0.5), p90: of(state, key, 0.9), p99: of(state, key, 0.99) });
  const ratio = (key, share) => of('training', key, share) / of('standing', key, share);
  const result = {
    work: 'while-training',
    clients,
    answers: { training: states.training.length, standing: states.standing.length },
    wholeMs: { training: figures('training', 'wholeMs'), standing: figures('standing', 'wholeMs') },
    firstMs: { training: figures('training', 'firstMs'), standing: figures('standing', 'firstMs') },
    ratios: {
      whole: { p50: ratio('wholeMs', 0.5), p99: ratio('wholeMs', 0.99) },
      first: { p50: ratio('firstMs', 0.5), p99: ratio('firstMs', 0.99) },
      throughput: states.training.length / states.standing.length,
    },
    trainingSpeed: beside / besideMs / (alone.steps / alone.ms),
    trainingRssMb: await rssOf(pid),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);

  /** Asks for some seconds. @returns the times of the answers */
  async function block(blockSeconds) {
    const prompt = () => promptOf(place++, length, config.vocabSize);
    const ask = () => complete(server.url, { model: 'base', prompt: prompt(), maxTokens });
    const { answers } = await askFor({ seconds: blockSeconds, clients, ask });
    return answers;
  }
} finally {
  if (pid > 0) process.kill(pid, 'SIGCONT');
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}

/** @returns {Promise<any>} */
async function api(method, path, body = undefined) {
  const isUpload = body instanceof FormData;
  const headers = isUpload ? { 'x-espalier-upload': '1' } : { 'content-type': 'application/json' };
  const init = body && { headers, body: isUpload ? body : JSON.stringify(body) };
  const answer = await fetch(`${server.url}/v1${path}`, { method, ...init });
  const value = await answer.json();
  if (!answer.ok) throw new Error(JSON.stringify(value));
  return value;
}

/** A job of many short steps. @returns its id */
async function createJob() {
  const ids = (row) => Array.from({ length: 48 }, (_, at) => 5 + ((31 * row + 7 * at) % (config.vocabSize - 5)));
  const rows = Array.from({ length: 400 }, (_, row) => JSON.stringify({ input_ids: ids(row) })).join('\n');
  const form = new FormData();
  form.append('purpose', 'fine-tune');
  form.append('file', new Blob([rows]), 'rows.jsonl');
  const file = await api('POST', '/files', form);
  const hyperparameters = { n_epochs: Number(values.epochs), batch_size: 2 };
  return (await api('POST', '/fine_tuning/jobs', { model: 'base', training_file: file.id, hyperparameters })).id;
}

async function trainingOf(job) {
  for (;;) {
    const record = JSON.parse(await readFile(join(folder, 'jobs', 'jobs', job, 'job.json'), 'utf8'));
    if (record.process !== null) return record.process.pid;
    if (record.status === 'failed') throw new Error(record.error.message);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until the job has taken so many steps. */
async function stepsOf(job, steps) {
  while ((await stepOf(job)) < steps) {
    const { status, error } = await api('GET', `/fine_tuning/jobs/${job}`);
    if (status === 'failed') throw new Error(error.message);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The last step of which the job tells, which tells of one in so many. */
async function stepOf(job) {
  const { data } = await api('GET', `/fine_tuning/jobs/${job}/events?limit=20`);
  return Math.max(0, ...data.map(({ data: told }) => told?.step ?? 0));
}

/** The steps that a job takes while something else runs. */
async function progress(job, run) {
  const [before, began] = [await stepOf(job), performance.now()];
  await run();
  return { steps: (await stepOf(job)) - before, ms: performance.now() - began };
}

async function rssOf(process) {
  const status = await readFile(`/proc/${process}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}
