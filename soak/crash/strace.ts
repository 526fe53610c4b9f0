import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The calls by which a store changes the disk, and those by which it opens files. */
export const calls = [
  'openat',
  'mkdir',
  'rename',
  'renameat2',
  'symlink',
  'unlink',
  'rmdir',
  'chmod',
  'fsync',
  'fdatasync',
  'write',
  'pwrite64',
  'copy_file_range',
  'sendfile',
  'ioctl',
  'ftruncate',
  'truncate',
  'link',
  'flock',
] as const;

export type Fault = 'KILL' | 'EIO' | 'ENOSPC';

/** A call of a child that does not happen. */
export interface Injection {
  readonly call: string;
  /** Which of these calls of a thread, from 1. */
  readonly nth: number;
  readonly fault: Fault;
}

export function hasStrace(): boolean {
  return spawnSync('strace', ['--version']).status === 0;
}

export interface Run {
  /** The child's folder. */
  readonly folder: string;
  readonly words: readonly string[];
}

const limitMs = 60_000;
const childProgram = join(import.meta.dirname, 'child.js');

/** How a child ended. */
export interface Ended {
  readonly isKilled: boolean;
  /** What it wrote to its standard output after the first line. */
  readonly told: string;
}

/** Runs the child, with one of its calls injected. */
export async function runWith(run: Run, { call, nth, fault }: Injection): Promise<Ended> {
  const what = fault === 'KILL' ? 'signal=KILL' : `error=${fault}`;
  return traced(run, ['-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${nth}`]);
}

/**
 * Runs the child, none of whose files may grow beyond a number of bytes: a write that crosses it is cut short, and the next one fails
 * with EFBIG. WHY not strace: where it makes a call return less, nothing at all is written, which no disk does.
 */
export async function runLimited({ folder, words }: Run, bytes: number): Promise<Ended> {
  const program = [`--fsize=${bytes}`, process.execPath, childProgram, folder, ...words];
  const child = spawn('prlimit', program, { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  try {
    const telling = await begun(child);
    child.stdin.end('go\n');
    await ended;
    return { isKilled: child.signalCode !== null, told: telling() };
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
}

/** Resolves when the child waits to be told to go on. @returns what it has told since */
async function begun({ stdout }: ChildProcess): Promise<() => string> {
  if (stdout === null) throw new TypeError('the child has no output');
  let told = '';
  await once(stdout, 'data');
  stdout.on('data', (piece) => (told += String(piece)));
  return () => told;
}

/** How far the calls of a thread may shift between two runs, by wake-ups of the other. */
const jitter = 2;

/**
 * Runs the child.
 * @returns by kind, which of the calls of a thread change a file or open one. The first has the number 1
 */
export async function placesOf(run: Run): Promise<Map<string, ReadonlySet<number>>> {
  const file = join(run.folder, 'trace');
  await traced(run, ['-y', '-o', file, '-e', `trace=${calls.join(',')}`]);
  const made = new Map<string, number>();
  const places = new Map<string, Set<number>>();
  for (const line of (await readFile(file, 'utf8')).split('\n')) {
    // A call that another thread interrupts is told of in two lines. The second has no bracket.
    const match = /^(?<thread>\d+)\s+(?<call>\w+)\((?<rest>.*)/.exec(line)?.groups;
    const { thread, call = '', rest = '' } = match ?? {};
    if (match === undefined) continue;
    const nth = (made.get(`${thread} ${call}`) ?? 0) + 1;
    made.set(`${thread} ${call}`, nth);
    // WHY left out: threads wake each other by these.
    if (/^\d+<(?:anon_inode|pipe|socket)/.test(rest)) continue;
    const own = places.get(call) ?? new Set();
    places.set(call, own);
    const shift = call.includes('write') ? jitter : 0;
    for (let near = Math.max(1, nth - shift); near <= nth + shift; near++) own.add(near);
  }
  return places;
}

/** WHY it is attached: what node does at its start is not counted, and not tried. */
async function traced({ folder, words }: Run, options: readonly string[]): Promise<Ended> {
  // WHY one thread: the n-th call is then the same one in each run.
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' };
  const child = spawn(process.execPath, [childProgram, folder, ...words], { stdio: ['pipe', 'pipe', 'ignore'], env });
  const ended = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  try {
    const telling = await begun(child);
    const tracer = spawn('strace', ['-f', '-p', String(child.pid), ...options], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const detached = once(tracer, 'exit');
    await attached(tracer);
    child.stdin.write('go\n');
    child.stdin.on('error', () => undefined);
    await ended;
    await detached;
    return { isKilled: child.signalCode !== null, told: telling() };
  } finally {
    clearTimeout(timer);
    child.kill('SIGKILL');
  }
}

/** WHY its output is read to the end: it also tells of each thread that begins, and ends if nobody reads that. */
async function attached(tracer: ChildProcess): Promise<void> {
  let told = '';
  await new Promise<void>((resolve, reject) => {
    tracer.stderr?.on('data', (piece) => {
      told += String(piece);
      if (/ attached/.test(told)) resolve();
    });
    tracer.once('exit', () => reject(new Error(`strace cannot attach: ${told}`)));
  });
}
