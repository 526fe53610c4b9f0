// `espalier serve` of any build as a process of its own, and requests to it.
import { spawn, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Longest wait for a server to say where it listens. */
const startLimitMs = 600_000;

/**
 * Starts a server on a free port of the loopback interface.
 * @param {string} build  folder of a built checkout
 * @param {readonly string[]} words  further words of the command line
 */
export async function startServer(build, words) {
  const began = performance.now();
  const child = spawn(process.execPath, [join(build, 'bin/espalier'), 'serve', '--port', '0', '--json', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { UV_THREADPOOL_SIZE: '8', ...process.env },
  });
  let [out, err] = ['', ''];
  child.stderr.on('data', (piece) => (err += piece));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const url = await new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => (child.kill('SIGKILL'), reject(new Error('the server did not start'))),
      startLimitMs,
    );
    child.once('exit', (code) => (clearTimeout(timer), reject(new Error(`the server ended with ${code}: ${err}`))));
    child.stdout.on('data', (piece) => {
      out += piece;
      const found = /"url":"([^"]+)"/.exec(out);
      if (!found) return;
      clearTimeout(timer);
      resolve(found[1]);
    });
  });
  const status = async (field) => {
    const text = await readFile(`/proc/${child.pid}/status`, 'utf8');
    return Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(text)?.[1]) / 1024);
  };
  const cpuTicks = async () => {
    const fields = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  return {
    url,
    began,
    readyMs: performance.now() - began,
    rssMb: () => status('VmRSS'),
    peakMb: () => status('VmHWM'),
    /** Waits until the process has used less than a twentieth of a processor for two seconds. */
    async whenIdle() {
      for (let before = await cpuTicks(), idle = 0; idle < 4;) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        const now = await cpuTicks();
        idle = now - before <= 2 ? idle + 1 : 0;
        before = now;
      }
    },
    /** Ends the process and waits for that. */
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/**
 * One completion, read to its end.
 * @returns {Promise<{ firstMs: number, wholeMs: number }>} the time to the first token, and to the last
 */
export async function complete(url, { model, prompt, maxTokens }) {
  const began = performance.now();
  const body = { model, prompt, max_tokens: maxTokens, temperature: 0, ignore_eos: true, stream: true };
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok || response.body === null) throw new Error(`${response.status}: ${await response.text()}`);
  let firstMs = Number.NaN;
  let text = '';
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    if (Number.isNaN(firstMs)) firstMs = performance.now() - began;
    text = text.slice(-200) + piece;
  }
  if (!text.includes('[DONE]')) throw new Error(`an answer of ${model} was cut off: ${text}`);
  return { firstMs, wholeMs: performance.now() - began };
}

/**
 * So many clients that each ask again as soon as they are answered.
 * @param {{ requests: number, clients: number, ask: (place: number) => Promise<{ firstMs: number }> }} load
 */
export async function runLoad({ requests, clients, ask }) {
  const first = [];
  let next = 0;
  const began = performance.now();
  const client = async () => {
    for (let place = next++; place < requests; place = next++) first.push((await ask(place)).firstMs);
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { requestsPerSecond: (1000 * requests) / (performance.now() - began), firstMs: first };
}

/** Runs a command of a build to its end. */
export function runCommand(build, words) {
  const child = spawnSync(process.execPath, [join(build, 'bin/espalier'), ...words], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`espalier ${words.join(' ')} ended with ${child.status}: ${child.stderr}`);
}

/** The value below which a share of the values lies. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The path of a prompt's tokens: fixed by its place, and different for each. */
export function promptOf(place, length, vocabulary) {
  return Array.from({ length }, (_, i) => 5 + ((i * 7919 + place * 104_729) % (vocabulary - 5)));
}
