// Measures the ring of `collectives` on loopback: the bus bandwidth of an allReduce of 35 MB and the latency of one of 64 KB, each rank
// in a process of its own. A stream of plain TCP between two processes of Node is measured in turn with it, as what the machine gives.
//
//   node bench/ring.mjs [--ranks 2] [--rounds 10]
import { fork } from 'node:child_process';
import { createServer, connect } from 'node:net';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePort, launchEnvironments, openGroup } from '../dist/collectives/index.js';
import { median } from './statistics.mjs';

const self = fileURLToPath(import.meta.url);
const large = 35_000_000 / 4;
const small = 65_536 / 4;

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

/** A process of the stream: the one sends so many bytes, the other counts them. */
async function streamProcess() {
  const bytes = Buffer.alloc(1 << 18);
  process.on('message', ({ port, total }) => {
    if (port === undefined) process.exit(0);
    const socket = connect({ port, host: '127.0.0.1' });
    let left = total;
    const pump = () => {
      while (left > 0) {
        left -= bytes.length;
        if (!socket.write(bytes)) return socket.once('drain', pump);
      }
      socket.end();
    };
    pump();
  });
  process.send({ ready: true });
}

const print = (line) => process.stdout.write(`${line}\n`);
const heard = (child) => new Promise((resolve) => child.once('message', resolve));

async function onRing(children, length, times) {
  const answers = children.map(heard);
  for (const child of children) child.send({ length, times });
  return Math.max(...(await Promise.all(answers)).map(({ ms }) => ms));
}

/** GB/s of a plain stream. */
async function stream(child, total) {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      let [begin, count] = [0, 0];
      socket.on('data', (chunk) => {
        if (count === 0) begin = performance.now();
        count += chunk.length;
      });
      socket.on('end', () => {
        server.close();
        resolve(count / (performance.now() - begin) / 1e6);
      });
    });
    server.listen(0, '127.0.0.1', () => {
      /** @type {any} */
      const address = server.address();
      child.send({ port: address.port, total });
    });
  });
}

async function main() {
  const { values } = parseArgs({
    options: { ranks: { type: 'string', default: '2' }, rounds: { type: 'string', default: '10' } },
  });
  const [ranks, rounds] = [Number(values.ranks), Number(values.rounds)];
  const master = { host: '127.0.0.1', port: await freePort() };
  const environments = launchEnvironments({
    processes: ranks,
    nodes: 1,
    nodeRank: 0,
    master,
    key: 'a key of the bench',
  });
  const children = environments.map((env) => fork(self, ['ring'], { env: { ...process.env, ...env } }));
  await Promise.all(children.map(heard));
  const sender = fork(self, ['stream']);
  await heard(sender);
  const [bus, plain, latency] = [[], [], []];
  await onRing(children, large, 3);
  for (let round = 0; round < rounds; round++) {
    const ms = await onRing(children, large, 2);
    bus.push(((4 * large) / ms / 1e6) * ((2 * (ranks - 1)) / ranks));
    plain.push(await stream(sender, 2e8));
    latency.push(await onRing(children, small, 50));
  }
  for (const child of children) child.send({ length: 0 });
  sender.send({});
  print(`${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.versions.node}`);
  print(`ring of ${ranks}, 35 MB: bus bandwidth ${median(bus).toFixed(2)} GB/s (median of ${rounds})`);
  print(`plain TCP stream between two processes: ${median(plain).toFixed(2)} GB/s`);
  print(`ring of ${ranks}, 64 KB: ${(1000 * median(latency)).toFixed(0)} µs an allReduce`);
}

await { ring: ringProcess, stream: streamProcess }[process.argv[2]]?.();
if (process.argv[2] === undefined || process.argv[2].startsWith('--')) await main();
