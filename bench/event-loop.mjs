// The event loop of a server that opens, answers at full load, and loads adapters meanwhile.
//
//   node bench/event-loop.mjs --base DIR [--build DIR] [--clients 8] [--rounds 4] [--adapters 8] [--loaded 8] [--rank 16] [--threads 2]
//
// Prints a line for each of four times, and one line of JSON: opening, in a process that has loaded the library and does nothing else, with
// `--adapters` in the folder that are read; starting, the same as a command, which loads its modules first; answering
// `--rounds` requests of each client, 128 tokens and 32 new ones, streamed; the same while `--loaded` further adapters are loaded, one after
// the other. Of each the delay of the event loop, and its own processor time between two turns, which other work does not change much. Linux.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openBaseModel } from '#internal/models';
import { complete, promptOf, runLoad, startServer } from './served-process.mjs';
import { writeAdapters } from './written-adapters.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    build: { type: 'string', default: here('..') },
    clients: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '4' },
    adapters: { type: 'string', default: '8' },
    loaded: { type: 'string', default: '8' },
    rank: { type: 'string', default: '16' },
    threads: { type: 'string', default: '2' },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const [clients, rounds, first, later] = [values.clients, values.rounds, values.adapters, values.loaded].map(Number);

const folder = await mkdtemp(join(tmpdir(), 'espalier-event-loop-'));
try {
  const { modules, config } = await openBaseModel(values.base);
  const linears = modules.filter(({ path, kind }) => path !== 'lm_head' && (kind ?? 'linear') === 'linear');
  const [served, waiting] = [join(folder, 'served'), join(folder, 'waiting')];
  const names = await writeAdapters(served, { count: first, rank: Number(values.rank), modules: linears });
  const further = (
    await writeAdapters(waiting, { count: first + later, rank: Number(values.rank), modules: linears })
  ).slice(first);
  const watched = join(folder, 'watched.jsonl');
  const watch = { LOOP_WATCH: watched };
  const told = [];
  const note = (name, line) => {
    const { delay, own } = JSON.parse(line);
    told.push({ name, delay, own });
    const text = ({ p99, most }) => `p99 ${p99.toFixed(1)} ms, longest ${most.toFixed(1)} ms`;
    process.stdout.write(`${name}: delay ${text(delay)}; its own work ${text(own)}\n`);
  };
  await openInLoaded(values.build, { base: values.base, adapters: served, watch });
  note('opening', await lineOf(watched, 1));
  await rm(watched);
  process.env.LOOP_WATCH = watched;
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import ${here('loop-watch.mjs')}`;
  const bound = ['--served-name', 'base', '--threads', values.threads, '--max-slots', values.clients];
  const server = await startServer(values.build, ['--base', values.base, '--adapters', served, ...bound]);
  delete process.env.NODE_OPTIONS;
  try {
    const tell = async (name) => {
      server.signal('SIGUSR2');
      note(name, await lineOf(watched, told.length - 1));
    };
    await server.whenIdle();
    await tell('starting');
    let next = 0;
    const ask = () => {
      const place = next++;
      const model = names[place % names.length] ?? 'base';
      return complete(server.url, { model, prompt: promptOf(place, 128, config.vocabSize), maxTokens: 32 });
    };
    const load = () => runLoad({ requests: clients * rounds, clients, ask });
    await load();
    await tell('full load');
    await Promise.all([load(), loadAll(server.url, { further, waiting, served })]);
    await tell('full load and loading');
    process.stdout.write(`${JSON.stringify({ work: 'event-loop', told })}\n`);
  } finally {
    await server.stop();
  }
} finally {
  await rm(folder, { recursive: true });
}

/** Opens the base in a process of its own, by the library. */
async function openInLoaded(build, { base, adapters, watch }) {
  const words = ['--import', here('loop-watch.mjs'), here('loop-opening.mjs'), build, base, adapters];
  const child = spawn(process.execPath, words, {
    stdio: 'inherit',
    env: { UV_THREADPOOL_SIZE: '8', ...process.env, ...watch },
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`the process that opens a base ended with ${code}`);
}

/** Loads adapters as vLLM's clients do. WHY moved: the server takes those of its folder only. */
async function loadAll(url, { further, waiting, served }) {
  for (const name of further) {
    await rename(join(waiting, name), join(served, name));
    const answer = await fetch(`${url}/v1/load_lora_adapter`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ lora_name: name, lora_path: name }),
    });
    if (!answer.ok) throw new Error(`${name} was not loaded: ${await answer.text()}`);
  }
}

/** A line of a file that another process writes, as soon as it is there. */
async function lineOf(path, place) {
  for (;;) {
    const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n');
    if (lines.length > place + 1) return lines[place];
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
