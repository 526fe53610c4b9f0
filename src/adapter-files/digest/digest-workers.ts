import { Worker } from 'node:worker_threads';
import { decideThreads } from '../../core/index.ts';
import type { TensorDigest } from './tensor-digest.js';

/** A tensor whose numbers are hashed, each times a factor. */
export interface DigestJob {
  readonly numbers: Float32Array;
  readonly factor: number;
}

/** Bytes that are hashed as they are. */
export interface BytesJob {
  readonly bytes: Uint8Array;
}

/** Bytes of the jobs of a part, where there are more jobs: some milliseconds of work, so that no thread waits long for another. */
const bytesPerPart = 2 ** 22;

/** WHY more than one: a thread has the next part before this one has heard of the last. */
const partsAtOnce = 2;

/** Jobs that a thread does one after the other. */
interface Part {
  readonly jobs: readonly (DigestJob | BytesJob)[];
  resolve(digests: readonly TensorDigest[]): void;
  reject(error: unknown): void;
}

/** One worker thread. It keeps the process alive only while it has work. */
class DigestWorker {
  /** What the thread has been told of, in that order, which is that of its answers. */
  readonly #parts: Part[] = [];
  readonly #onFree: () => void;
  #worker: Worker | undefined;

  constructor(onFree: () => void) {
    this.#onFree = onFree;
  }

  get isFree(): boolean {
    return this.#parts.length < partsAtOnce;
  }

  give(part: Part): void {
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    this.#parts.push(part);
    worker.postMessage({ jobs: part.jobs }, []);
  }

  #start(): Worker {
    const worker = new Worker(new URL('digest-worker.js', import.meta.url), { name: 'espalier-digest' });
    worker.on('message', ({ digests }: { readonly digests: readonly TensorDigest[] }) => {
      this.#parts.shift()?.resolve(digests);
      this.#onFree();
      if (this.#parts.length === 0) worker.unref();
    });
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', () => this.#lose(worker, new Error('A thread that hashes adapters ended')));
    return worker;
  }

  /** The next part starts another thread. */
  #lose(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#parts.splice(0)) reject(error);
    this.#onFree();
  }
}

/** Threads that take parts from one queue, in its order. */
class DigestWorkers {
  readonly #queue: Part[] = [];
  readonly #workers = Array.from({ length: decideThreads().hashing }, () => new DigestWorker(() => this.#handOut()));

  digest(jobs: Part['jobs']): Promise<readonly TensorDigest[]> {
    const digests = new Promise<readonly TensorDigest[]>((resolve, reject) =>
      this.#queue.push({ jobs, resolve, reject }),
    );
    this.#handOut();
    return digests;
  }

  #handOut(): void {
    for (const worker of [...this.#workers, ...this.#workers]) {
      const next = worker.isFree ? this.#queue.shift() : undefined;
      if (next !== undefined) worker.give(next);
    }
  }
}

// WHY module state: threads are started once for the process, at the first large adapter.
let workers: DigestWorkers | undefined;

/** Hashes tensors and bytes in shared memory on threads of their own. The result has their order. */
export async function digestOnWorkers(jobs: Part['jobs']): Promise<readonly TensorDigest[]> {
  const threads = (workers ??= new DigestWorkers());
  const digests = await Promise.all(partsOf(jobs).map((part) => threads.digest(part)));
  return digests.flat();
}

/** Neighbours together, so that small ones are no message each. */
function partsOf(jobs: Part['jobs']): Part['jobs'][] {
  const parts: (DigestJob | BytesJob)[][] = [];
  let size = Infinity;
  for (const job of jobs) {
    if (size >= bytesPerPart) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)?.push(job);
    size += 'bytes' in job ? job.bytes.byteLength : job.numbers.byteLength;
  }
  return parts;
}
