// Throughput of 64 clients that send one row at a time, with and without joining requests into batches.
//
//   node bench/dynamic-batching.mjs [--threads 2] [--rounds 5] [--requests 1280] [--json]
//
// In process and over HTTP. Rounds with and without joining alternate, and the ratio is that of the medians.
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openServer } from '#internal/http';
import { openInferenceModel, SharedArenas } from '#internal/batching';
import { openEnvironment } from '#internal/onnxruntime';
import { tensorOf } from '#internal/tensor';
import { writeMlp } from './served-models.mjs';
import { median } from './statistics.mjs';

const clients = 64;
/** On one row, a perceptron spends most of its time reading its weights. A batch reads them once. The small one fits into a cache. */
const models = [
  { name: 'mlp 256-1024-1024-16 (1.3 M weights)', widths: [256, 1024, 1024, 16] },
  { name: 'mlp 512-2048-2048-64 (5.4 M weights)', widths: [512, 2048, 2048, 64] },
];

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '1280' },
    json: { type: 'boolean', default: false },
    serve: { type: 'string' },
    'max-batch': { type: 'string' },
  },
});
const [threads, rounds, requests] = [values.threads, values.rounds, values.requests].map(Number);

if (values.serve !== undefined) await serve();
else await measureAll();

/** The child process: serves on a free port until the parent ends it. */
async function serve() {
  const server = await openServer({
    models: [{ name: 'mlp', path: values.serve }],
    maxBatch: Number(values['max-batch']),
    threads,
    port: 0,
  });
  process.send(server.url);
  process.once('message', () => void server.close().then(() => process.disconnect()));
}

async function measureAll() {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  const report = [];
  for (const { name, widths } of models) {
    const path = join(folder, 'mlp.onnx');
    await writeMlp(path, widths);
    report.push({ name, where: 'in process', ...(await measureInProcess(path, widths[0])) });
    report.push({ name, where: 'over HTTP', ...(await measureHttp(path, widths[0])) });
  }
  await rm(folder, { recursive: true });
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  else for (const line of report) process.stdout.write(`${textOf(line)}\n`);
}

function textOf({ name, where, joined, alone, ratio }) {
  return `${name}, ${where}: ${joined.toFixed(0)} rows/s joined, ${alone.toFixed(0)} alone: ${ratio.toFixed(2)} times`;
}

async function measureInProcess(path, width) {
  const environment = openEnvironment({ threads });
  const arenas = new SharedArenas();
  const open = (maxBatch) => openInferenceModel(path, { name: 'mlp', environment, arenas, maxBatch });
  const [joining, single] = [await open(64), await open(1)];
  const rows = rowsOf(width);
  const ask = (model) => (i) => model.infer({ inputs: new Map([['x', rows[i]]]) });
  const result = await alternate(ask(joining), ask(single));
  await joining.dispose();
  await single.dispose();
  arenas.dispose();
  environment.dispose();
  return result;
}

async function measureHttp(path, width) {
  const [joining, single] = [await startServer(path, 64), await startServer(path, 1)];
  const bodies = rowsOf(width).map((row) => bodyOf(row, width));
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const ask =
    ({ url }) =>
    (i) =>
      post(`${url}/v2/models/mlp/infer`, bodies[i], agent);
  const result = await alternate(ask(joining), ask(single));
  agent.destroy();
  for (const { child } of [joining, single]) {
    child.send('close');
    await new Promise((resolve) => child.once('exit', resolve));
  }
  return result;
}

function rowsOf(width) {
  return Array.from({ length: clients }, (_, i) => {
    return tensorOf(
      'float32',
      [1, width],
      Float32Array.from({ length: width }, (__, j) => Math.sin(i + j)),
    );
  });
}

function bodyOf(row, width) {
  const input = { name: 'x', shape: [1, width], datatype: 'FP32', parameters: { binary_data_size: 4 * width } };
  const json = Buffer.from(JSON.stringify({ inputs: [input], parameters: { binary_data_output: true } }));
  return { headerLength: json.byteLength, bytes: Buffer.concat([json, row.bytes]) };
}

async function startServer(path, maxBatch) {
  const words = ['--serve', path, '--max-batch', String(maxBatch), '--threads', String(threads)];
  const child = fork(fileURLToPath(import.meta.url), words, { env: { ...process.env, UV_THREADPOOL_SIZE: '8' } });
  const url = await new Promise((resolve) => child.once('message', resolve));
  return { child, url };
}

function post(url, { headerLength, bytes }, agent) {
  return new Promise((resolve, reject) => {
    const headers = { 'inference-header-content-length': headerLength, 'content-length': bytes.byteLength };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`Status ${response.statusCode}`));
      response.resume().once('end', resolve);
    });
    sent.once('error', reject);
    sent.end(bytes);
  });
}

/** Requests per second of both kinds, in alternating rounds. */
async function alternate(joined, alone) {
  const rates = { joined: [], alone: [] };
  for (let round = -1; round < rounds; round++) {
    for (const [kind, ask] of Object.entries({ joined, alone })) {
      const rate = await throughput(ask);
      if (round >= 0) rates[kind].push(rate);
    }
  }
  const [a, b] = [median(rates.joined), median(rates.alone)];
  return { joined: a, alone: b, ratio: a / b };
}

/** Requests per second. Each client sends its next request as soon as it has an answer. */
async function throughput(ask) {
  let left = requests;
  const began = performance.now();
  const client = async (_, i) => {
    while (left-- > 0) await ask(i);
  };
  await Promise.all(Array.from({ length: clients }, client));
  return (1000 * requests) / (performance.now() - began);
}
