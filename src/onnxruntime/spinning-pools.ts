import { mostSpinningSessions } from '../core/index.ts';

/** The threads of one session. */
export interface ThreadPool {
  /** Threads that share the work of one operator, the one that calls included. */
  readonly threads: number;
  /** Microseconds that a thread waits in a busy loop before it sleeps. */
  readonly spinUs: number;
  readonly denormalsAsZero: boolean;
}

/** The version of ONNX Runtime that was seen to bound the wait. An older one may not know the setting, and wait without an end. */
const boundedSince = 30;

/**
 * Counts the sessions that have threads of their own. WHY of their own: ONNX Runtime bounds the wait of such threads only, not that of the
 * threads that all sessions share.
 */
export class SpinningPools {
  readonly #pool: ThreadPool;
  readonly #isBounded: boolean;
  #taken = 0;

  /** @param version  of ONNX Runtime, such as 1.30.0 */
  constructor(pool: ThreadPool, version: string) {
    this.#pool = pool;
    this.#isBounded = Number(version.split('.')[1]) >= boundedSince;
  }

  /** Gives a session its threads until `giveBack`; undefined where it is to share those of the environment. */
  take(): ThreadPool | undefined {
    const { threads, spinUs } = this.#pool;
    if (!this.#isBounded || threads === 1 || spinUs === 0 || this.#taken >= mostSpinningSessions) return undefined;
    this.#taken++;
    return this.#pool;
  }

  giveBack(): void {
    this.#taken--;
  }
}
