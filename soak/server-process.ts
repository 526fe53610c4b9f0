import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from './root.ts';

/** Longest time until a server prints its address. */
const startLimitMs = 600_000;
const stopLimitMs = 30_000;

export interface ServerProcess {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** From the start of the process until it says that it is ready. */
  readonly readyMs: number;
  rssMb(): Promise<number>;
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Folder of a built checkout. Default: this one. */
  readonly build?: string | undefined;
  readonly threads?: number | undefined;
}

/** Starts `espalier serve` on a free port of the loopback interface. */
export async function startServer(
  words: readonly string[],
  { build = packageRoot, threads = 1 }: StartOptions = {},
): Promise<ServerProcess> {
  const began = performance.now();
  const command = [
    join(build, 'bin/espalier'),
    'serve',
    '--port',
    '0',
    '--json',
    '--threads',
    String(threads),
    ...words,
  ];
  const child = spawn(process.execPath, command, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { UV_THREADPOOL_SIZE: '8', ...process.env },
  });
  let [out, err] = ['', ''];
  child.stderr.on('data', (piece: Buffer) => (err += piece.toString()));
  const ended = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), startLimitMs);
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the server ended with ${code}: ${err}`));
    });
    child.stdout.on('data', (piece: Buffer) => {
      out += piece.toString();
      const found = /"url":"([^"]+)"/.exec(out)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    });
  });
  const readyMs = performance.now() - began;
  const { pid = 0 } = child;
  return {
    url,
    port: Number(new URL(url).port),
    pid,
    readyMs,
    async rssMb() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    },
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
      await ended;
      clearTimeout(timer);
    },
  };
}
