// Measures the ring of `collectives` on loopback: the bus bandwidth of an allReduce of 35 MB and the latency of one of 64 KB, each rank
// in a process of its own. Measured in turn with it, as far as the machine has them: iperf3 (one stream; and one in each direction at once,
// which is what a rank of a ring does), and Open MPI's MPI_Allreduce over its TCP.
//
//   node bench/ring.mjs [--ranks 2,4] [--rounds 5]
import { execFile, fork, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { freePort, launchEnvironments, openGroup } from '../dist/collectives/index.js';
import { median } from './statistics.mjs';

const self = fileURLToPath(import.meta.url);
const run = promisify(execFile);
const large = { length: 35_000_000 / 4, times: 2 };
const small = { length: 65_536 / 4, times: 100 };

/** A process of the ring: does what it is told, and tells how long it took. */
async function ringProcess() {
  const group = await openGroup({ environment: process.env });
  const measure = async ({ length, times }) => {
    if (length === 0) {
      await group.close();
      process.exit(0);
    }
    const values = new Float32Array(length).fill(group.rank + 1);
    await group.barrier();
    const begin = performance.now();
    for (let i = 0; i < times; i++) await group.allReduce(values, 'max');
    const ms = (performance.now() - begin) / times;
    if (values.some((value) => value !== group.worldSize)) throw new Error('wrong result');
    process.send({ ms });
  };
  process.on('message', (/** @type {any} */ task) => void measure(task));
  process.send({ ready: true });
}

const print = (line) => process.stdout.write(`${line}\n`);
const heard = (child) => new Promise((resolve) => child.once('message', resolve));

/** Milliseconds of an allReduce of the ring, by the slowest rank. */
async function onRing(children, task) {
  const answers = children.map(heard);
  for (const child of children) child.send(task);
  return Math.max(...(await Promise.all(answers)).map(({ ms }) => ms));
}

/** The processes of a ring that have found each other. */
async function openRing(ranks) {
  const master = { host: '127.0.0.1', port: await freePort() };
  const plan = { processes: ranks, nodes: 1, nodeRank: 0, master, key: 'a key of the bench' };
  const children = launchEnvironments(plan).map((env) => fork(self, ['ring'], { env: { ...process.env, ...env } }));
  await Promise.all(children.map(heard));
  return children;
}

/** GB/s in one direction, over one second. @param how  more options */
async function iperf(...how) {
  const port = String(await freePort());
  const server = spawn('iperf3', ['-s', '-1', '--forceflush', '-p', port], { stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve) => server.stdout.once('data', resolve));
  const closed = new Promise((resolve) => server.once('close', resolve));
  const { stdout } = await run('iperf3', ['-c', '127.0.0.1', '-p', port, '-t', '1', '-J', ...how]);
  await closed;
  const { end } = JSON.parse(stdout);
  const rates = [end.sum_received, end.sum_received_bidir_reverse].filter((each) => each !== undefined);
  return Math.min(...rates.map((each) => each.bits_per_second)) / 8e9;
}

/** Milliseconds of Open MPI's allreduce. */
async function onMpi(program, ranks, { length, times }) {
  const how = ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none', '-n', String(ranks)];
  const tcp = ['--mca', 'pml', 'ob1', '--mca', 'btl', 'tcp,self', '--mca', 'btl_tcp_if_include', 'lo'];
  const { stdout } = await run('mpirun.openmpi', [...how, ...tcp, program, String(length), String(times), '1']);
  return Number(stdout.trim());
}

/** @returns undefined, with a line that says so, if the machine does not have it */
async function attempt(what, task) {
  return task().catch((error) => void print(`(no ${what}: ${String(error.message).trim().split('\n')[0]})`));
}

async function main() {
  const { values } = parseArgs({
    options: { ranks: { type: 'string', default: '2,4' }, rounds: { type: 'string', default: '5' } },
  });
  const rounds = Number(values.rounds);
  const folder = mkdtempSync(join(tmpdir(), 'espalier-ring-'));
  const program = join(folder, 'mpi-allreduce');
  const source = fileURLToPath(new URL('mpi-allreduce.c', import.meta.url));
  const hasMpi = await attempt('Open MPI (or gcc)', () =>
    run('gcc', ['-O2', '-o', program, source, '-l:libmpi.so.40']),
  );
  const hasIperf = await attempt('iperf3', () => run('iperf3', ['--version']));
  print(`${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.versions.node}`);
  for (const ranks of values.ranks.split(',').map(Number)) {
    const busOf = (ms) => ((4 * large.length) / ms / 1e6) * ((2 * (ranks - 1)) / ranks);
    const children = await openRing(ranks);
    await onRing(children, large);
    /** @type {Record<string, number[]>} */
    const seen = { ring: [], latency: [], one: [], both: [], mpi: [], mpiLatency: [] };
    for (let round = 0; round < rounds; round++) {
      seen.ring.push(busOf(await onRing(children, large)));
      if (hasIperf) seen.one.push(await iperf());
      if (hasMpi) seen.mpi.push(busOf(await onMpi(program, ranks, large)));
      seen.latency.push(1000 * (await onRing(children, small)));
      if (hasIperf) seen.both.push(await iperf('--bidir'));
      if (hasMpi) seen.mpiLatency.push(1000 * (await onMpi(program, ranks, small)));
    }
    for (const child of children) child.send({ length: 0 });
    const ratio = (of, to) => (to.length === 0 ? '' : ` (ring / this: ${(median(of) / median(to)).toFixed(2)})`);
    const show = (label, given, unit, of) =>
      given.length > 0 &&
      print(`  ${label.padEnd(44)} ${median(given).toFixed(2)} ${unit}${of ? ratio(of, given) : ''}`);
    print(`${ranks} ranks, medians of ${rounds}`);
    show('ring, 35 MB, bus bandwidth', seen.ring, 'GB/s');
    show('iperf3, one stream', seen.one, 'GB/s', seen.ring);
    show('iperf3, a stream in each direction at once', seen.both, 'GB/s', seen.ring);
    show('Open MPI over TCP, 35 MB, bus bandwidth', seen.mpi, 'GB/s', seen.ring);
    show('ring, 64 KB', seen.latency, 'µs');
    show('Open MPI over TCP, 64 KB', seen.mpiLatency, 'µs', seen.latency);
  }
  rmSync(folder, { recursive: true });
}

await { ring: ringProcess }[process.argv[2]]?.();
if (process.argv[2] === undefined || process.argv[2].startsWith('--')) await main();
