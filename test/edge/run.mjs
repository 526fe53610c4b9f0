// A node at the edge loses the source of its fleet for a minute, and is started anew meanwhile. It must serve on from what it has
// verified, and have the newest commit within 5 s of the return of the source.
//
//   npm run build && node test/edge/run.mjs
//
// The source is a repository on the disk that is moved out of reach: what a cut line is for git, without the need of a network. The clients
// pause while the only node ends and begins; every request that is sent must be answered. Takes a minute and a half; EDGE_CUT_SECONDS
// makes the cut shorter.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/espalier', import.meta.url));
const golden = fileURLToPath(new URL('../golden/llama-d16', import.meta.url));
const base = join(golden, 'model');
const cutMs = Number(process.env['EDGE_CUT_SECONDS'] ?? 60) * 1000;
const [clients, patienceMs, convergenceMs] = [4, 120_000, 5000];

const folder = await mkdtemp(join(tmpdir(), 'espalier-edge-'));
const [repository, away] = [join(folder, 'fleet'), join(folder, 'away')];
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const load = { asked: 0, failed: [], isPaused: false, isOver: false };
let server;
try {
  await mkdir(repository);
  git(repository, 'init', '--quiet', '--initial-branch=main');
  await declare(repository, 'adapter');
  server = await startServer();
  const before = await versionOf();
  const asking = Array.from({ length: clients }, () => askOn());
  await wait(2000);

  const cut = performance.now();
  await rename(repository, away);
  await declare(away, 'trained');
  await wait(cutMs / 3);
  await restart();
  if ((await versionOf()) !== before) throw new Error('without its source, the node serves something else than before');
  const asked = load.asked;
  await wait(Math.max(0, cutMs - (performance.now() - cut)));
  if (load.asked === asked) throw new Error('nothing was asked during the cut: the test says nothing');

  await rename(away, repository);
  const returned = performance.now();
  while ((await versionOf()) === before && performance.now() - returned < 60_000) await wait(50);
  const took = performance.now() - returned;
  await wait(1000);
  load.isOver = true;
  await Promise.all(asking);
  const seconds = (took / 1000).toFixed(1);
  process.stdout.write(
    `${load.asked} requests, ${load.failed.length} failed; converged ${seconds} s after the return\n`,
  );
  for (const reason of new Set(load.failed)) process.stdout.write(`  ${reason}\n`);
  if (load.failed.length > 0 || took > convergenceMs) throw new Error('the node did not stand alone as it should');
} finally {
  load.isOver = true;
  server?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true }).catch(() => execFileSync('chmod', ['-R', 'u+w', folder]));
  await rm(folder, { recursive: true, force: true });
}

/** Commits a fleet in which `support` is one of the two adapters of the golden case. */
async function declare(place, state) {
  await rm(join(place, 'adapters'), { recursive: true, force: true });
  await cp(join(golden, state), join(place, 'adapters', 'support'), { recursive: true });
  await rm(join(place, 'fleet.yaml'), { force: true });
  const words = ['fleet', 'init', '--adapters', join(place, 'adapters'), '--base', base];
  execFileSync(process.execPath, [program, ...words, '--output', join(place, 'fleet.yaml')]);
  git(place, 'add', '--all');
  git(place, 'commit', '--quiet', '--message', `Serve ${state}`);
}

function git(place, ...words) {
  const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', '-c', 'commit.gpgsign=false'];
  execFileSync('git', ['-C', place, ...who, ...words]);
}

async function startServer() {
  const words = ['--store', join(folder, 'store'), '--fleet', `file://${repository}`, '--fleet-interval', '1'];
  const fixed = [
    'serve',
    base,
    '--served-name',
    'base',
    '--port',
    String(port),
    '--threads',
    '1',
    '--max-length',
    '32',
  ];
  const child = spawn(process.execPath, [program, ...fixed, ...words, '--ready-adapters', 'support'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => (said = `${said}${chunk}`.slice(-2000)));
  const deadline = performance.now() + patienceMs;
  const isReady = async () => (await fetch(`${url}/health/ready`)).status === 200;
  while (!(await isReady().catch(() => false))) {
    if (child.exitCode !== null || performance.now() > deadline) throw new Error(`it did not get ready: ${said}`);
    await wait(50);
  }
  return child;
}

async function restart() {
  load.isPaused = true;
  await wait(500);
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  await ended;
  server = await startServer();
  load.isPaused = false;
}

async function askOn() {
  while (!load.isOver) {
    if (load.isPaused) {
      await wait(20);
      continue;
    }
    load.asked++;
    await ask().catch((error) => load.failed.push(String(error.message).slice(0, 200)));
  }
}

async function ask() {
  const body = JSON.stringify({ model: 'support', prompt: [1, 2, 3, 4], max_tokens: 8, temperature: 0 });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`status ${response.status}: ${text}`);
}

async function versionOf() {
  const response = await fetch(`${url}/v1/adapters/support`);
  return (await response.json()).version;
}

async function freePort() {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port: free } = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  return free;
}
