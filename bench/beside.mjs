// Servers beside their peers: requests per second of several builds and bases of Espalier over HTTP, of PEFT, and of llama.cpp, for the same
// work: `clients` requests at once, each with its own adapter (rank 16, seven modules in every layer), or the base alone.
//
//   node bench/beside.mjs --base int8=DIR [--base f32=DIR ...] [--build before=DIR] [--python PYTHON --peft-base DIR]
//                         [--base BUILD:NAME=DIR ...] [--llama MODULE --llama-files DIR] [--rounds 5] [--clients 8] [--prompt 128] [--tokens 32] [--threads 2]
//
// Everything is started first and then takes turns, round after round, so that other load of the machine affects all alike. With `--spin-us N`,
// each base is also served by `espalier serve --spin-us N`. The peers generate in their own process, without HTTP: PEFT one batch, llama.cpp as
// bench/llama-peer.mjs says. A round of two cores and a base of 0.41 B takes about 5 s for each target. Prints a line for each target, and one line of JSON. The processor time of the servers is told too:
// beside other work it says more than requests per second, though it grows with that work as well.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openBaseModel } from '#internal/models';
import { complete, promptOf, quantile, runLoad, startServer } from './served-process.mjs';
import { median } from './statistics.mjs';
import { writeAdapters } from './written-adapters.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string', multiple: true, default: [] },
    build: { type: 'string', multiple: true, default: [] },
    python: { type: 'string' },
    'peft-base': { type: 'string' },
    llama: { type: 'string' },
    'llama-files': { type: 'string' },
    rounds: { type: 'string', default: '5' },
    clients: { type: 'string', default: '8' },
    prompt: { type: 'string', default: '128' },
    tokens: { type: 'string', default: '32' },
    threads: { type: 'string', default: '2' },
    rank: { type: 'string', default: '16' },
    'spin-us': { type: 'string' },
  },
});
if (values.base.length === 0) throw new Error('Name at least one base: --base int8=DIR');
const [rounds, clients, length, tokens] = [values.rounds, values.clients, values.prompt, values.tokens].map(Number);

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const named = (text) => {
  const [name, ...path] = text.split('=');
  if (path.length === 0) throw new Error(`"${text}" has no name; write it as name=path`);
  return { name, path: path.join('=') };
};
/** A base of one build alone, as where builds write quantized weights in different forms: --base before:int8=DIR */
const bases = values.base.map(named).map(({ name, path }) => {
  const [only, own] = name.includes(':') ? name.split(':') : [undefined, name];
  return { only, name: own, path };
});
const builds = [{ name: 'now', path: here('..') }, ...values.build.map(named)];

const folder = await mkdtemp(join(tmpdir(), 'espalier-beside-'));
/** @type {{ name: string, round: () => Promise<{ seconds: number, firstMs: number[], cpuSeconds?: number, peakRssMb: number }>, stop: () => Promise<void> }[]} */
const targets = [];
try {
  const { modules, config } = await openBaseModel(bases[0].path);
  const linears = modules.filter(({ path, kind }) => path !== 'lm_head' && (kind ?? 'linear') === 'linear');
  const adapters = join(folder, 'adapters');
  await mkdir(adapters);
  const names = await writeAdapters(adapters, { count: clients, rank: Number(values.rank), modules: linears });
  for (const build of builds) {
    for (const base of bases.filter(({ only }) => only === undefined || only === build.name)) {
      for (const spins of build.name === 'now' && values['spin-us'] !== undefined ? [false, true] : [false]) {
        for (const mixed of [true, false]) {
          targets.push(await server({ build, base, spins }, mixed, adapters, names, config.vocabSize));
        }
      }
    }
  }
  if (values.python !== undefined) {
    const base = values['peft-base'] ?? bases[0].path;
    for (const count of [clients, 0]) {
      const words = [here('peft-peer.py'), 'rounds', '--base', base, '--steps', `${tokens}`, '--tokens', `${length}`];
      const amounts = ['--batch', `${clients}`, '--adapters', `${count}`, '--threads', values.threads];
      targets.push(await peer(`PEFT f32, ${label(count > 0)}`, values.python, [...words, ...amounts]));
    }
  }
  if (values.llama !== undefined) {
    for (const count of [clients, 0]) {
      const words = [here('llama-peer.mjs'), '--module', values.llama, '--files', values['llama-files'] ?? ''];
      const work = ['--clients', `${clients}`, '--prompt', `${length}`, '--tokens', `${tokens}`];
      const amounts = ['--adapters', `${count}`, '--threads', values.threads];
      targets.push(await peer(`llama.cpp, ${label(count > 0)}`, process.execPath, [...words, ...work, ...amounts]));
    }
  }
  for (const { round } of targets) await round();
  const results = new Map(targets.map(({ name }) => [name, { perSecond: [], firstMs: [], cpu: [], peakRssMb: 0 }]));
  for (let turn = 0; turn < rounds; turn++) {
    for (const { name, round } of targets) {
      const { seconds, firstMs, cpuSeconds, peakRssMb } = await round();
      const result = results.get(name);
      if (cpuSeconds !== undefined) result.cpu.push(cpuSeconds / clients);
      result.perSecond.push(clients / seconds);
      result.firstMs.push(...firstMs);
      result.peakRssMb = Math.max(result.peakRssMb, peakRssMb);
      const cpu =
        cpuSeconds === undefined ? '' : `, ${((1000 * cpuSeconds) / clients).toFixed(0)} ms of processor each`;
      process.stderr.write(`${name}: ${(clients / seconds).toFixed(2)} requests/s${cpu}\n`);
    }
  }
  const rows = [...results].map(([name, { perSecond, firstMs, cpu, peakRssMb }]) => ({
    name,
    requestsPerSecond: median(perSecond),
    least: Math.min(...perSecond),
    most: Math.max(...perSecond),
    firstMs: quantile(firstMs, 0.5),
    cpuMs: cpu.length === 0 ? undefined : 1000 * median(cpu),
    peakRssMb,
  }));
  for (const { name, requestsPerSecond, least, most, firstMs, cpuMs, peakRssMb } of rows) {
    const cpu = cpuMs === undefined ? '' : `, ${cpuMs.toFixed(0)} ms of processor for each request`;
    const speed = `${requestsPerSecond.toFixed(2)} requests/s (${least.toFixed(2)} to ${most.toFixed(2)})`;
    process.stdout.write(`${name}: ${speed}, first token after ${firstMs.toFixed(0)} ms, ${peakRssMb} MB${cpu}\n`);
  }
  process.stdout.write(`${JSON.stringify({ work: 'beside', rounds, clients, prompt: length, tokens, rows })}\n`);
} finally {
  for (const { stop } of targets) await stop();
  await rm(folder, { recursive: true });
}

function label(mixed) {
  return mixed ? `${clients} adapters` : 'base alone';
}

async function server({ build, base, spins }, mixed, adapters, names, vocabulary) {
  const words = [
    '--base',
    base.path,
    '--served-name',
    'base',
    '--threads',
    values.threads,
    '--max-slots',
    `${clients}`,
  ];
  const { url, peakMb, cpuSeconds, stop } = await startServer(build.path, [
    ...words,
    ...(mixed ? ['--adapters', adapters] : []),
    ...(spins ? ['--spin-us', values['spin-us']] : []),
  ]);
  let next = 0;
  const ask = (place) => {
    const model = mixed ? names[place % names.length] : 'base';
    return complete(url, { model, prompt: promptOf(next++, length, vocabulary), maxTokens: tokens });
  };
  const round = async () => {
    const before = await cpuSeconds();
    const { requestsPerSecond, firstMs } = await runLoad({ requests: clients, clients, ask });
    const used = (await cpuSeconds()) - before;
    return { seconds: clients / requestsPerSecond, firstMs, cpuSeconds: used, peakRssMb: await peakMb() };
  };
  return {
    name: `${build.name} ${base.name}${spins ? ` --spin-us ${values['spin-us']}` : ''}, ${label(mixed)}`,
    round,
    stop,
  };
}

/** A process that answers each line with one round, as one line of JSON. */
async function peer(name, program, words) {
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended before it answered`);
    return JSON.parse(value);
  };
  await answer();
  const round = async () => {
    child.stdin.write('round\n');
    const { seconds, firstMs, peakRssMb } = await answer();
    return { seconds, firstMs: [firstMs], peakRssMb };
  };
  const stop = async () => {
    child.stdin.end();
    await ended;
  };
  return { name, round, stop };
}
