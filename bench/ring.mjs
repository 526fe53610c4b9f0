// Measures the ring of `collectives` on loopback: the bus bandwidth of an allReduce of 35 MB and the latency of one of 64 KB, each rank
// in a process of its own, and the processor time of a rank. Measured in turn with it: the same ring through Node's streams, and, as far as
// the machine has them, iperf3 (one stream; and one in each direction at once,
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
    const used = process.cpuUsage();
    for (let i = 0; i < times; i++) await group.allReduce(values, 'max');
    const ms = (performance.now() - begin) / times;
    if (values.some((value) => value !== group.worldSize)) throw new Error('wrong result');
    const { user, system } = process.cpuUsage(used);
    process.send({ ms, cpuMs: (user + system) / 1000 / times });
  };
  process.on('message', (/** @type {any} */ task) => void measure(task));
  process.send({ ready: true });
}

const print = (line) => process.stdout.write(`${line}\n`);
const heard = (child) => new Promise((resolve) => child.once('message', resolve));

/** Milliseconds of an allReduce of the ring: those of the slowest rank, and the most processor time of a rank. */
async function onRing(children, task) {
  const answers = children.map(heard);
  for (const child of children) child.send(task);
  const all = await Promise.all(answers);
  return { ms: Math.max(...all.map(({ ms }) => ms)), cpuMs: Math.max(...all.map(({ cpuMs }) => cpuMs)) };
}

/** The processes of a ring that have found each other. */
async function openRing(ranks, sockets) {
  const master = { host: '127.0.0.1', port: await freePort() };
  const plan = { processes: ranks, nodes: 1, nodeRank: 0, master, key: 'a key of the bench' };
  const children = launchEnvironments(plan).map((env) =>
    fork(self, ['ring'], { env: { ...process.env, ...env, ESPALIER_GROUP_SOCKETS: sockets } }),
  );
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

/** Milliseconds of Open MPI's allreduce, as `onRing`. */
async function onMpi(program, ranks, { length, times }) {
  const how = ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none', '-n', String(ranks)];
  const tcp = ['--mca', 'pml', 'ob1', '--mca', 'btl', 'tcp,self', '--mca', 'btl_tcp_if_include', 'lo'];
  const { stdout } = await run('mpirun.openmpi', [...how, ...tcp, program, String(length), String(times), '1']);
  const [ms = NaN, cpuMs = NaN] = stdout.trim().split(' ').map(Number);
  return { ms, cpuMs };
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
    const rings = { system: await openRing(ranks, 'system'), node: await openRing(ranks, 'node') };
    for (const children of Object.values(rings)) await onRing(children, large);
    const contenders = {
      ring: (task) => onRing(rings.system, task),
      "ring through Node's streams": (task) => onRing(rings.node, task),
      ...(hasMpi && { 'Open MPI over TCP': (task) => onMpi(program, ranks, task) }),
    };
    const streams = { 'iperf3, one stream': [], 'iperf3, a stream in each direction at once': ['--bidir'] };
    /** @type {Record<string, number[]>} */
    const seen = {};
    const note = (name, value) => (seen[name] ??= []).push(value);
    for (let round = 0; round < rounds; round++) {
      for (const [name, measure] of Object.entries(contenders)) {
        const [of35, of64] = [await measure(large), await measure(small)];
        note(`${name}: 35 MB, bus bandwidth, GB/s`, busOf(of35.ms));
        note(`${name}: 35 MB, processor time of a rank, ms`, of35.cpuMs);
        note(`${name}: 64 KB, µs`, 1000 * of64.ms);
        note(`${name}: 64 KB, processor time of a rank, µs`, 1000 * of64.cpuMs);
      }
      if (hasIperf) for (const [name, how] of Object.entries(streams)) note(`${name}, GB/s`, await iperf(...how));
    }
    for (const child of Object.values(rings).flat()) child.send({ length: 0 });
    print(`${ranks} ranks; median of ${rounds}, and the least and the most`);
    for (const name of Object.keys(seen).sort()) {
      const those = seen[name] ?? [];
      const figures = [median(those), Math.min(...those), Math.max(...those)];
      print(`  ${name.padEnd(60)} ${figures.map((figure) => figure.toPrecision(3).padStart(8)).join(' ')}`);
    }
  }
  rmSync(folder, { recursive: true });
}

await { ring: ringProcess }[process.argv[2]]?.();
if (process.argv[2] === undefined || process.argv[2].startsWith('--')) await main();
