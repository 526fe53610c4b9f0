import { Worker } from 'node:worker_threads';
import type * as diskCalls from './disk-calls.js';

/** The jobs that the threads of the disk can do. */
export type DiskCalls = typeof diskCalls;

/** A job: the name of a function of `disk-calls.js`, and its arguments. */
export type DiskJob = {
  [Name in keyof DiskCalls]: readonly [name: Name, args: Parameters<DiskCalls[Name]>];
}[keyof DiskCalls];

/**
 * WHY several: a flush waits for the disk, and file systems write what several threads flush at once together.
 * WHY not libuv's: runs of ONNX Runtime would wait there behind the flushes.
 */
const mostThreads = 8;

interface Waiting {
  readonly job: DiskJob;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** One worker thread. It keeps the process alive only while it has work. */
class DiskThread {
  /** The jobs that it has been told of, in that order, which is that of its answers. */
  readonly #jobs: Waiting[] = [];
  #worker: Worker | undefined;

  get load(): number {
    return this.#jobs.length;
  }

  do(jobs: readonly Waiting[]): void {
    const worker = (this.#worker ??= this.#start());
    try {
      worker.postMessage({ jobs: jobs.map(({ job }) => job) }, []);
    } catch (error) {
      // What cannot be sent was never told to the thread.
      for (const { reject } of jobs) reject(error);
      return;
    }
    worker.ref();
    this.#jobs.push(...jobs);
  }

  #start(): Worker {
    const worker = new Worker(new URL('disk-worker.js', import.meta.url), {
      name: 'espalier-disk',
      // WHY: a file that one thread has opened is closed by another.
      trackUnmanagedFds: false,
    });
    worker.on('message', ({ result, failure }: { readonly result?: unknown; readonly failure?: Failure }) => {
      const job = this.#jobs.shift();
      if (this.#jobs.length === 0) worker.unref();
      if (failure === undefined) job?.resolve(result);
      else job?.reject(errorOf(failure));
    });
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', () => this.#lose(worker, new Error('A thread of the disk ended')));
    return worker;
  }

  /** The next job starts another thread. */
  #lose(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#jobs.splice(0)) reject(error);
  }
}

interface Failure {
  readonly message: string;
  readonly cause?: Failure;
}

function errorOf({ message, cause, ...told }: Failure): Error {
  const error = cause === undefined ? new Error(message) : new Error(message, { cause: errorOf(cause) });
  return Object.assign(error, told);
}

// WHY module state: threads are started for the process, each when those before it are busy for the first time.
const threads = Array.from({ length: mostThreads }, () => new DiskThread());
const asked: Waiting[] = [];

/**
 * Hands out what was asked for in this turn of the event loop, in one message for each thread. WHY together: a message wakes its thread,
 * which on a busy machine takes the processor of the thread that sends it.
 */
function handOut(): void {
  const shares = threads.map((thread) => ({ thread, jobs: [] as Waiting[] }));
  for (const waiting of asked.splice(0)) {
    const loadOf = ({ thread, jobs }: (typeof shares)[number]): number => thread.load + jobs.length;
    shares.reduce((best, share) => (loadOf(share) < loadOf(best) ? share : best)).jobs.push(waiting);
  }
  for (const { thread, jobs } of shares) if (jobs.length > 0) thread.do(jobs);
}

/**
 * Does a job on a thread of its own. Jobs that must come one after the other wait for each other: several run at once.
 * @throws the errors of the file system, with their codes
 */
export function onDisk<Name extends keyof DiskCalls>(
  name: Name,
  ...args: Parameters<DiskCalls[Name]>
): Promise<ReturnType<DiskCalls[Name]>> {
  return new Promise((resolve, reject) => {
    const job = [name, args] as unknown as DiskJob;
    if (asked.push({ job, resolve: resolve as (result: unknown) => void, reject }) === 1) setImmediate(handOut);
  });
}
