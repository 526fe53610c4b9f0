// Runs `espalier serve` of any build in its own process, and sends requests to it.
import { spawn, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Maximum time until a server prints its address. */
const startLimitMs = 600_000;

/** The unit of processor time in /proc, the same on every Linux of today. */
const ticksPerSecond = 100;

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
    /** Processor time of all its threads so far, in seconds. */
    cpuSeconds: async () => (await cpuTicks()) / ticksPerSecond,
    signal: (name) => child.kill(name),
    /** Waits until the process has used less than a twentieth of a processor for two seconds. */
    async whenIdle() {
      for (let before = await cpuTicks(), idle = 0; idle < 4;) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        const now = await cpuTicks();
        idle = now - before <= 2 ? idle + 1 : 0;
        before = now;
      }
    },
    /** Ends the process, and waits until it has ended. */
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/**
 * Requests one completion and reads it to its end.
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
 * Runs clients that each send the next request as soon as they have an answer.
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

/**
 * Runs clients that each ask one thing after the other for some seconds.
 * @param {{ seconds: number, clients: number, ask: () => Promise<any> }} load
 * @returns {Promise<{ answers: any[], ms: number }>} what they got, and the time until the last answer
 */
export async function askFor({ seconds, clients, ask }) {
  const answers = [];
  const began = performance.now();
  const client = async () => {
    while (performance.now() < began + 1000 * seconds) answers.push(await ask());
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { answers, ms: performance.now() - began };
}

/** Runs a command of a build, and waits until it has ended. */
export function runCommand(build, words) {
  const child = spawnSync(process.execPath, [join(build, 'bin/espalier'), ...words], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`espalier ${words.join(' ')} ended with ${child.status}: ${child.stderr}`);
}

/** The quantile of the values at a share between 0 and 1. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The token ids of a prompt. They depend on `place` alone, and differ for each place. */
export function promptOf(place, length, vocabulary) {
  return Array.from({ length }, (_, i) => 5 + ((i * 7919 + place * 104_729) % (vocabulary - 5)));
}
