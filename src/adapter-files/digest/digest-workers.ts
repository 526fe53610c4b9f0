import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { TensorDigest } from './tensor-digest.js';

/** A tensor whose numbers are hashed, each times a factor. */
export interface DigestJob {
  readonly numbers: Float32Array;
  readonly factor: number;
}

/** WHY not one for each core: requests run on the same cores, and two halve the time already. */
const mostWorkers = 2;

interface Answer {
  readonly id: number;
  readonly digests: readonly TensorDigest[];
}

interface Waiting {
  resolve(digests: readonly TensorDigest[]): void;
  reject(error: unknown): void;
}

/** One worker thread. It keeps the process alive only while it has work. */
class DigestWorker {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #next = 0;

  digest(tensors: readonly DigestJob[]): Promise<readonly TensorDigest[]> {
    const worker = (this.#worker ??= this.#start());
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      worker.ref();
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, tensors });
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL('digest-worker.js', import.meta.url), { name: 'espalier-digest' });
    worker.on('message', ({ id, digests }: Answer) => {
      this.#waiting.get(id)?.resolve(digests);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) worker.unref();
    });
    worker.on('error', (error) => this.#lose(error));
    worker.on('exit', () => this.#lose(new Error('A thread that hashes adapters ended')));
    return worker;
  }

  /** The next job starts another thread. */
  #lose(error: Error): void {
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

// WHY module state: threads are started once for the process, at the first large adapter.
let workers: readonly DigestWorker[] | undefined;

/** Hashes tensors in shared memory on threads of their own. The result has their order. */
export async function digestOnWorkers(tensors: readonly DigestJob[]): Promise<readonly TensorDigest[]> {
  workers ??= Array.from({ length: Math.min(mostWorkers, availableParallelism()) }, () => new DigestWorker());
  const shares = shareOut(tensors, workers.length);
  const results: TensorDigest[] = [];
  await Promise.all(
    shares.map(async (indices, i) => {
      const digests = await workers?.[i]?.digest(indices.flatMap((index) => tensors[index] ?? []));
      indices.forEach((index, at) => {
        const digest = digests?.[at];
        if (digest !== undefined) results[index] = digest;
      });
    }),
  );
  return results;
}

/** Indices of the tensors by worker, so that each has about as many numbers. */
function shareOut(tensors: readonly DigestJob[], count: number): readonly (readonly number[])[] {
  const shares = Array.from({ length: count }, () => ({ indices: [] as number[], numbers: 0 }));
  tensors.forEach(({ numbers }, index) => {
    const least = shares.reduce((best, share) => (share.numbers < best.numbers ? share : best));
    least.indices.push(index);
    least.numbers += numbers.length;
  });
  return shares.map(({ indices }) => indices);
}
