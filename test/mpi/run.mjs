// Trains under `mpirun` of Open MPI and of MPICH, with 2 and 4 processes, and compares with the ring over TCP and with one process.
//
//   npm run build && node test/mpi/run.mjs
//
// Debian: apt-get install openmpi-bin mpich. A launcher that is missing is said to be left out; without both the test fails.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/espalier', import.meta.url));
const golden = fileURLToPath(new URL('../golden/llama', import.meta.url));
const patienceMs = 180_000;
/** Within which the others must name a process that stands still. */
const namedMs = 10_000;
/** Within which what the launcher has killed is gone. */
const leftMs = 15_000;
/** Of a training that is interrupted. */
const longSteps = 60;

/** Each with the variable by which a process of it knows its rank, and the library of the other. */
const launchers = [
  {
    name: 'Open MPI',
    words: ['mpirun.openmpi', '--allow-run-as-root', '--oversubscribe', '-n'],
    rank: 'OMPI_COMM_WORLD_RANK',
    other: 'libmpich.so.12',
  },
  { name: 'MPICH', words: ['mpirun.mpich', '-n'], rank: 'PMI_RANK', other: 'libmpi.so.40' },
].filter(({ name, words: [command = ''] }) => {
  const isThere = hasCommand(command);
  if (!isThere) say(`left out: ${name}, since there is no ${command}`);
  return isThere;
});
if (launchers.length === 0) throw new Error('neither Open MPI nor MPICH is here');

const folder = await mkdtemp(join(tmpdir(), 'espalier-mpi-'));
try {
  await writeRows();
  await compareWithOthers();
  await followReference();
  for (const launcher of launchers) {
    await keepBreak(launcher);
    await loseRank(launcher);
    await refuseOtherLibrary(launcher);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** The same bytes of all transports and in all runs, and the numbers of one process. */
async function compareWithOthers() {
  const one = await trained('one', [process.execPath, program], 4);
  for (const ranks of [2, 4]) {
    const batch = 4 / ranks;
    const launch = [process.execPath, program, 'launch', '--processes', String(ranks), '--'];
    const ring = await trained(`ring-${ranks}`, launch, batch);
    const distance = largestDistance(ring, one);
    if (!(distance < 1e-6)) throw new Error(`${ranks} processes differ from one by ${distance}`);
    for (const { name, words } of launchers) {
      for (const run of [1, 2]) {
        const own = await trained(
          `${name}-${ranks}-${run}`,
          [...words, String(ranks), process.execPath, program],
          batch,
        );
        if (!own.equals(ring))
          throw new Error(`${ranks} processes of ${name} end in other bytes than the ring, run ${run}`);
      }
      say(
        `${name}, ${ranks} processes: twice the bytes of the ring over TCP, ${distance.toExponential(1)} from one process`,
      );
    }
  }
}

/** The losses of PyTorch, with three processes of one row each. */
async function followReference() {
  const { lossTrace, optimizer } = JSON.parse(await readFile(join(golden, 'expected.json'), 'utf8'));
  // WHY one less: the last is the loss after the last step.
  const steps = lossTrace.length - 1;
  const { header, bytes } = tensorsOf(await readFile(join(golden, 'expected.safetensors')));
  const rows = referenceRows(header, bytes);
  await writeFile(join(folder, 'reference.jsonl'), `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
  for (const { name, words } of launchers) {
    const output = join(folder, `reference-${name}`);
    const start = [...words, String(rows.length), process.execPath, program, 'train', '--base', join(golden, 'model')];
    const data = ['--data', join(folder, 'reference.jsonl'), '--init-adapter', join(golden, 'adapter'), '--no-shuffle'];
    const sizes = ['--output', output, '--max-grad-norm', '0', '--batch-size', '1', '--max-steps', String(steps)];
    const { lr, weightDecay } = optimizer;
    const rates = ['--learning-rate', String(lr), '--weight-decay', String(weightDecay), '--threads', '1'];
    await ended([...start, ...data, ...sizes, ...rates]);
    const lines = (await readFile(join(output, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const losses = lines.map((line) => JSON.parse(line).loss).filter((loss) => loss !== undefined);
    const distance = Math.max(...lossTrace.slice(0, steps).map((loss, i) => Math.abs(loss - (losses[i] ?? NaN))));
    if (!(distance < 1e-4))
      throw new Error(`the losses under ${name} are ${losses}, and those of PyTorch ${lossTrace}`);
    say(`${name}, ${rows.length} processes: ${steps} losses of PyTorch within ${distance.toExponential(1)}`);
  }
}

/**
 * No library below MPI moves the end of the heap up by a page and back, as UCX does to try its hooks: another thread may take memory in
 * between. Of the threads of a process, the one that loads the library is looked at.
 */
async function keepBreak({ name, words }) {
  if (!hasCommand('strace')) return say('left out: the end of the heap under ' + name + ', since there is no strace');
  const [output, record] = [join(folder, `break-${name}`), join(folder, `calls-${name.replace(' ', '-')}`)];
  const trace = ['strace', '-ff', '-o', record, '-e', 'trace=brk,openat'];
  await ended([...words, '2', ...trace, process.execPath, program, ...trainWords(output, 1)]);
  const files = (await readdir(folder)).filter((file) => file.startsWith(`calls-${name.replace(' ', '-')}.`));
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  const loading = texts.filter((text) => /libmpi(ch)?\.so/.test(text));
  if (loading.length < 2) throw new Error(`under ${name}, ${loading.length} threads of 2 loaded MPI`);
  for (const text of loading) {
    const ends = [...text.slice(text.search(/libmpi(ch)?\.so/)).matchAll(/^brk\((0x[0-9a-f]+)\)/gm)].map(([, end]) =>
      Number(end),
    );
    const steps = ends.slice(1).map((end, i) => end - ends[i]);
    const tried = steps.findIndex((step, i) => step === 4096 && steps[i + 1] === -4096);
    if (tried >= 0) throw new Error(`under ${name}, the end of the heap was moved by a page and back: ${steps}`);
  }
  return say(`${name}: nothing moves the end of the heap by a page and back`);
}

/** A process is stopped; the others must say which, none may stay, and the training must go on to the same bytes. */
async function loseRank({ name, words, rank }) {
  const output = join(folder, `lost-${name}`);
  const start = [...words, '3', process.execPath, program];
  const rest = [...trainWords(output, 1, longSteps), '--save-steps', '2'];
  const whole = await trained(`whole-${name}`, start, 1, longSteps);
  const child = spawn(start[0], [...start.slice(1), ...rest, '--json-events'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [said, stopped, namedAfter] = ['', undefined, undefined];
  let pids = [];
  let isStopped = false;
  let stopping = Promise.resolve();
  const stop = async () => {
    pids = await processesOf(child.pid, rank);
    process.kill(pids.find(({ rank: each }) => each === 1).pid, 'SIGSTOP');
    stopped = performance.now();
  };
  const hear = (chunk) => {
    said += chunk;
    if (!isStopped && said.includes('"stepped"')) {
      isStopped = true;
      stopping = stop();
    }
    if (said.includes('Rank 1 was lost')) namedAfter ??= performance.now() - stopped;
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  await exitOf(child);
  await stopping;
  if (namedAfter === undefined) throw new Error(`under ${name}, nobody named the process that stood still: ${said}`);
  if (namedAfter > namedMs) throw new Error(`under ${name}, it was named only after ${namedAfter} ms`);
  // WHY wait: the launcher may end before the processes that it has killed are gone.
  const until = performance.now() + leftMs;
  while (pids.some(({ pid }) => isThere(pid)) && performance.now() < until) await wait(50);
  const left = pids.filter(({ pid }) => isThere(pid));
  if (left.length > 0) throw new Error(`under ${name}, processes stay: ${JSON.stringify(left)}`);
  await ended([...start, ...rest, '--resume']);
  const resumed = await readFile(join(output, 'adapter_model.safetensors'));
  if (!resumed.equals(whole)) throw new Error(`under ${name}, the resumed training ends in other bytes`);
  say(
    `${name}: a process that stood still was named after ${(namedAfter / 1000).toFixed(1)} s, none stayed, and all went on`,
  );
}

/** The library of another MPI sees one process where there are many. */
async function refuseOtherLibrary({ name, words, other }) {
  if (launchers.length < 2) return;
  const output = join(folder, `refused-${name}`);
  const env = { ...process.env, ESPALIER_MPI_LIBRARY: other };
  const start = [...words, '2', process.execPath, program, ...trainWords(output, 1)];
  const child = spawn(start[0], start.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const code = await exitOf(child);
  if (code === 0 || !said.includes('cannot be used')) throw new Error(`${name} took the library ${other}: ${said}`);
  say(`${name}: the library ${other} was refused`);
}

function trainWords(output, batch, steps = 6) {
  const files = ['--base', join(golden, 'model'), '--data', join(folder, 'rows.jsonl'), '--output', output];
  const sizes = [
    '--rank',
    '2',
    '--seed',
    '3',
    '--max-steps',
    String(steps),
    '--learning-rate',
    '1e-2',
    '--optimizer',
    'sgd',
  ];
  return ['train', ...files, ...sizes, '--batch-size', String(batch), '--threads', '1'];
}

/** What a training ends in. */
async function trained(name, start, batch, steps) {
  const output = join(folder, name);
  await ended([...start, ...trainWords(output, batch, steps)]);
  return readFile(join(output, 'adapter_model.safetensors'));
}

async function ended([command, ...words]) {
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const code = await exitOf(child);
  if (code !== 0) throw new Error(`${command} ${words.join(' ')} ended with ${code}: ${said}`);
}

async function exitOf(child) {
  const timer = setTimeout(() => child.kill('SIGTERM'), patienceMs);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  return code;
}

/** Rows of very different lengths, so that a mean of means would differ from the mean of all; the last batch is small. */
async function writeRows() {
  const row = (r) => Array.from({ length: 3 + ((r * r * 5) % 29) }, (_, i) => 3 + ((7 * r + 5 * i) % 40));
  const rows = Array.from({ length: 11 }, (_, r) => JSON.stringify({ input_ids: row(r) }));
  await writeFile(join(folder, 'rows.jsonl'), `${rows.join('\n')}\n`);
}

function tensorsOf(file) {
  const length = Number(file.readBigUInt64LE(0));
  return { header: JSON.parse(file.toString('utf8', 8, 8 + length)), bytes: file.subarray(8 + length) };
}

/** The rows of the reference: i64 [batch, tokens], labels with -100 where nothing counts. */
function referenceRows(header, bytes) {
  const numbers = (name) => {
    const { shape, data_offsets: offsets } = header[name];
    const part = bytes.subarray(...offsets);
    const values = Array.from({ length: part.length / 8 }, (_, i) => Number(part.readBigInt64LE(8 * i)));
    return Array.from({ length: shape[0] }, (_, row) => values.slice(row * shape[1], (row + 1) * shape[1]));
  };
  const [ids, labels] = [numbers('input_ids'), numbers('labels')];
  const masks = header['attention_mask'] === undefined ? undefined : numbers('attention_mask');
  return ids.map((row, i) => {
    const length = masks === undefined ? row.length : masks[i].reduce((sum, each) => sum + each, 0);
    return { input_ids: row.slice(0, length), labels: labels[i].slice(0, length) };
  });
}

/** The largest difference between the f32 numbers of two files with the same header. */
function largestDistance(a, b) {
  const [left, right] = [tensorsOf(a), tensorsOf(b)];
  if (left.bytes.length !== right.bytes.length) return NaN;
  let largest = 0;
  for (let i = 0; i < left.bytes.length; i += 4) {
    largest = Math.max(largest, Math.abs(left.bytes.readFloatLE(i) - right.bytes.readFloatLE(i)));
  }
  return largest;
}

/** Processes below another that have a rank. */
async function processesOf(root, variable) {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const parents = new Map();
  for (const pid of all) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    parents.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const isBelow = (pid) => pid === root || (parents.get(pid) > 1 && isBelow(parents.get(pid)));
  const found = [];
  for (const pid of [...parents.keys()].filter(isBelow)) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    const set = environment.split('\0').find((each) => each.startsWith(`${variable}=`));
    if (set !== undefined) found.push({ pid, rank: Number(set.slice(variable.length + 1)) });
  }
  return found;
}

function isThere(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function hasCommand(command) {
  try {
    execFileSync('sh', ['-c', 'command -v "$0"', command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
