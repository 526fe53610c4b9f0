// Two servers behind HAProxy under load. One after the other is drained and replaced: no request may fail. Then the same with servers
// that end at once when they are told to: there requests must fail, or the load would find nothing.
//
//   npm run build && node test/rolling/run.mjs
//
// It needs `haproxy`, as Debian's package of that name installs it; HAPROXY may name the program. HAProxy tries nothing twice here, so that
// it hides no failure. Takes about a minute.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as wait } from 'node:timers/promises';

const program = fileURLToPath(new URL('../../bin/espalier', import.meta.url));
const base = fileURLToPath(new URL('../golden/llama-d16/model', import.meta.url));
const patienceMs = 120_000;
const clients = 6;
const prompt = [1, 2, 3, 4];

const folder = await mkdtemp(join(tmpdir(), 'espalier-rolling-'));
const [first, second, front] = await freePorts(3);
const children = new Set();
try {
  const drained = tell('drained', await rollUnderLoad(['--shutdown-delay', '3']));
  const cut = tell('not drained', await rollUnderLoad(['--shutdown-delay', '0', '--drain-timeout', '0']));
  if (drained.failed.length > 0) throw new Error('a request failed while servers were drained and replaced');
  if (drained.streams === 0 || drained.asked < 50) throw new Error('there was too little load to say anything');
  if (cut.failed.length === 0) throw new Error('servers that are not drained lost nothing: the load finds no fault');
} finally {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

function tell(what, load) {
  say(`${what}: ${load.asked} requests, ${load.streams} of them streams, ${load.failed.length} failed`);
  for (const reason of new Set(load.failed)) say(`  ${reason.replaceAll(/\s+/g, ' ').slice(0, 160)}`);
  return load;
}

/** Replaces both servers, one after the other, while clients ask through the proxy. */
async function rollUnderLoad(words) {
  const servers = new Map();
  for (const port of [first, second]) servers.set(port, await startServer(port, words));
  const proxy = await startProxy();
  const load = { asked: 0, streams: 0, failed: [], isOver: false };
  const asking = Array.from({ length: clients }, (_, index) => askOn(load, index));
  await wait(1000);
  for (const port of [first, second]) {
    await end(servers.get(port));
    servers.set(port, await startServer(port, words));
    // HAProxy looks every 200 ms.
    await wait(1000);
  }
  load.isOver = true;
  await Promise.all(asking);
  await end(proxy, 'SIGKILL');
  for (const server of servers.values()) await end(server, 'SIGKILL');
  return load;
}

async function askOn(load, index) {
  for (let count = index; !load.isOver; count++) {
    const stream = count % 2 === 0;
    load.asked++;
    if (stream) load.streams++;
    try {
      await ask(stream);
    } catch (error) {
      load.failed.push(
        error instanceof Error ? `${error.message}${error.cause ? ` (${error.cause})` : ''}` : String(error),
      );
    }
  }
}

async function ask(stream) {
  const body = JSON.stringify({ model: 'base', prompt, max_tokens: 24, temperature: 0, ignore_eos: true, stream });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`http://127.0.0.1:${front}/v1/completions`, { method: 'POST', headers, body });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`status ${response.status}: ${text.slice(0, 200)}`);
  const isWhole = stream ? text.trimEnd().endsWith('data: [DONE]') : JSON.parse(text).choices.length === 1;
  if (!isWhole) throw new Error('an answer was cut off');
}

async function startServer(port, words) {
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
  const server = run(process.execPath, [program, ...fixed, ...words]);
  await until(async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).status === 200, server);
  return server;
}

async function startProxy() {
  const config = join(folder, 'haproxy.cfg');
  await writeFile(
    config,
    `global
  maxconn 256
defaults
  mode http
  retries 0
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout check 10s
frontend front
  bind 127.0.0.1:${front}
  default_backend servers
backend servers
  balance roundrobin
  option httpchk GET /ready
  http-check expect status 200
  default-server check inter 200ms fall 1 rise 1
  server one 127.0.0.1:${first}
  server two 127.0.0.1:${second}
`,
  );
  const proxy = run(process.env['HAPROXY'] ?? 'haproxy', ['-db', '-f', config]);
  await until(async () => (await fetch(`http://127.0.0.1:${front}/ready`)).status === 200, proxy);
  return proxy;
}

function run(command, words) {
  const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  child.said = '';
  child.stderr.on('data', (chunk) => (child.said = `${child.said}${chunk}`.slice(-2000)));
  children.add(child);
  child.once('error', (error) => (child.said += error.message));
  child.once('exit', () => children.delete(child));
  return child;
}

async function end(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

async function until(isSo, child) {
  const deadline = Date.now() + patienceMs;
  while (!(await isSo().catch(() => false))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`it did not start: ${child.said}`);
    await wait(50);
  }
}

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
