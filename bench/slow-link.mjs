// Measures sums of small gradients over links with delay and loss, TCP beside QUIC: two processes in network namespaces exchange halves as two
// ranks of the ring do. Both kinds go through the same packets. Needs root, `ip`, gcc, /dev/net/tun and openssl; QUIC is that of
// @matrixai/quic (quiche), in a folder of its own, since it is no dependency: npm install --prefix /tmp/quic @matrixai/quic
//
//   node bench/slow-link.mjs [--quic /tmp/quic] [--delays 0,1,20,100] [--losses 0,1] [--sizes 65536,1048576] [--times 10] [--limit 20]
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './statistics.mjs';

const here = (name) => fileURLToPath(new URL(`slow-link/${name}`, import.meta.url));
const spaces = [`espalier-a-${process.pid}`, `espalier-b-${process.pid}`];
const print = (text) => process.stdout.write(`${text}\n`);
const numbers = (text) => text.split(',').map(Number);

const { values: options } = parseArgs({
  options: {
    quic: { type: 'string' },
    delays: { type: 'string', default: '0,1,20,100' },
    losses: { type: 'string', default: '0,1' },
    sizes: { type: 'string', default: '65536,1048576' },
    times: { type: 'string', default: '10' },
    limit: { type: 'string', default: '20' },
  },
});

/** Resolves when a program has written a line, or has ended. */
const spoken = (child) =>
  new Promise((resolve) => {
    child.stdout.once('data', resolve);
    child.once('close', resolve);
  });

function startIn(space, kind, side) {
  const words = ['netns', 'exec', space, process.execPath, here('exchange.mjs'), kind, String(side), '10.77.0.1'];
  const exchanges = numbers(options.sizes).map((bytes) => ({ bytes, times: Number(options.times) }));
  const env = { ...process.env, EXCHANGES: JSON.stringify(exchanges) };
  return spawn('ip', [...words, options.quic ?? ''], { stdio: ['ignore', 'pipe', 'inherit'], env });
}

/** Milliseconds of each exchange by size, as far as they were done within the limit. */
async function exchange(kind) {
  const first = startIn(spaces[0], kind, 0);
  let text = '';
  first.stdout.on('data', (bytes) => (text += bytes));
  await spoken(first);
  const second = startIn(spaces[1], kind, 1);
  const ended = Promise.all([first, second].map((child) => new Promise((resolve) => child.once('close', resolve))));
  const limit = setTimeout(
    () => [first, second].forEach((child) => child.kill('SIGKILL')),
    1000 * Number(options.limit),
  );
  await ended;
  clearTimeout(limit);
  const lines = text.split('\n').filter((line) => line.startsWith('{'));
  return new Map(lines.map((line) => JSON.parse(line)).map(({ bytes, took }) => [bytes, took]));
}

const folder = mkdtempSync(join(tmpdir(), 'espalier-link-'));
const relay = join(folder, 'lossy-link');
execFileSync('gcc', ['-O2', '-o', relay, here('lossy-link.c')]);
print(`${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.versions.node}`);
print('one way   lost   bytes     kind   median      slowest   (ms an exchange of both halves)');
const kinds = options.quic === undefined ? ['tcp'] : ['tcp', 'quic'];
for (const delay of numbers(options.delays)) {
  for (const lost of numbers(options.losses)) {
    for (const space of spaces) execFileSync('ip', ['netns', 'add', space]);
    const link = spawn(relay, [...spaces, String(delay), String(lost)], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await spoken(link);
      for (const kind of kinds) {
        const seen = await exchange(kind);
        for (const bytes of numbers(options.sizes)) {
          const took = seen.get(bytes);
          const figures =
            took === undefined
              ? `not done within ${options.limit} s`
              : `${median(took).toFixed(1).padEnd(11)} ${Math.max(...took).toFixed(1)}`;
          print(
            `${`${delay} ms`.padEnd(9)} ${`${lost} %`.padEnd(6)} ${String(bytes).padEnd(9)} ${kind.padEnd(6)} ${figures}`,
          );
        }
      }
    } finally {
      link.kill('SIGKILL');
      for (const space of spaces) execFileSync('ip', ['netns', 'del', space]);
    }
  }
}
rmSync(folder, { recursive: true });
