// The peer: what llama.cpp (node-llama-cpp) takes for the work that bench/beside.mjs measures.
//
//   node bench/llama-peer.mjs --module DIR --files DIR [--adapters 8] [--clients 8] [--prompt 128] [--tokens 32] [--threads 2]
//
// DIR of `--module` is a folder where node-llama-cpp is installed; `--files` is what llama-peer.py wrote. Each line on standard input is one
// round: `clients` generations at once, each with its own adapter; each round answers with one line of JSON. llama.cpp holds adapters by
// context, so that sequences with different adapters are in different contexts, which take turns. With no adapters, or with one for all,
// the sequences share a context and its batches.
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { promptOf } from './served-process.mjs';

const { values } = parseArgs({
  options: {
    module: { type: 'string' },
    files: { type: 'string' },
    adapters: { type: 'string', default: '8' },
    clients: { type: 'string', default: '8' },
    prompt: { type: 'string', default: '128' },
    tokens: { type: 'string', default: '32' },
    threads: { type: 'string', default: '2' },
  },
});
const [adapters, clients, length, tokens, threads] = [
  values.adapters,
  values.clients,
  values.prompt,
  values.tokens,
  values.threads,
].map(Number);

const from = createRequire(join(resolve(values.module), 'package.json'));
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(from.resolve('node-llama-cpp')).href);
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath: join(values.files, 'base.gguf') });

const contextSize = length + tokens + 16;
const contexts = [];
if (adapters === 0)
  contexts.push(await model.createContext({ sequences: clients, contextSize, threads, batchSize: 512 }));
for (let place = 0; place < adapters; place++) {
  const lora = { adapters: [{ filePath: join(values.files, `adapter-${place}.gguf`) }] };
  const sequences = Math.ceil(clients / adapters);
  contexts.push(await model.createContext({ sequences, contextSize, threads, batchSize: 512, lora }));
}
const sequences = Array.from({ length: clients }, (_, place) => contexts[place % contexts.length].getSequence());

async function generate(sequence, prompt) {
  await sequence.clearHistory();
  const began = performance.now();
  let [firstMs, count] = [Number.NaN, 0];
  for await (const token of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    if (count++ === 0) firstMs = performance.now() - began;
    if (count === tokens) break;
    if (typeof token !== 'number') throw new Error('a token is no number');
  }
  if (count !== tokens) throw new Error(`${count} tokens came, ${tokens} were asked for`);
  return firstMs;
}

let place = 0;
process.stdout.write(`${JSON.stringify({ ready: true, llamaCpp: llama.llamaCppRelease })}\n`);
for await (const _ of createInterface({ input: process.stdin })) {
  const began = performance.now();
  const firsts = await Promise.all(sequences.map((each) => generate(each, promptOf(place++, length, 32_000))));
  const seconds = (performance.now() - began) / 1000;
  const status = await readFile('/proc/self/status', 'utf8');
  const peakRssMb = Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024);
  process.stdout.write(`${JSON.stringify({ seconds, firstMs: Math.max(...firsts), peakRssMb })}\n`);
}
process.exit(0);
