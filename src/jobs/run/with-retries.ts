import { EspalierError, type ErrorCode, type Timers } from '../../core/index.ts';
import { passed } from '../job-timers.ts';

/** The times between the attempts, in milliseconds: together long enough that a full disk can be emptied. */
export const retryDelaysMs: readonly number[] = [1000, 4000, 16_000, 64_000, 256_000];

/** Answers that another attempt would get again. */
const lasting: readonly ErrorCode[] = ['JOB_STATE', 'JOB_NOT_FOUND', 'JOB_FILES_FULL'];

export interface RetryOptions {
  readonly timers: Timers;
  /** Aborted when no more attempts are wanted. */
  readonly signal: AbortSignal;
  /** Told of each attempt after which there is another. */
  readonly onFailure: (error: unknown, delayMs: number) => void;
}

/** Does what a disk can refuse, a few times with growing delays. @throws the error of the last attempt */
export async function withRetries<T>(task: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { timers, signal, onFailure } = options;
  for (const delayMs of retryDelaysMs) {
    try {
      return await task();
    } catch (error) {
      if (signal.aborted || (EspalierError.isInstance(error) && lasting.includes(error.code))) throw error;
      onFailure(error, delayMs);
      await passed(delayMs, timers, signal);
    }
  }
  return task();
}
