import { EspalierError } from '../../core/index.ts';
import type { JobRecord } from '../records/job-record.ts';
import type { TrainingLine } from './read-lines.ts';
import type { TrainingExit } from './training-process.ts';

/** What became of a training. */
export type Outcome =
  | { readonly kind: 'trained'; readonly tokens: number }
  /** It was asked to end, and can go on. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly error: NonNullable<JobRecord['error']> };

export interface Ended {
  readonly exit: TrainingExit;
  /** The last line that told a result or an error. */
  readonly last: TrainingLine | undefined;
  /** Whether it was asked to end. */
  readonly isStopped: boolean;
}

/** What the end of a process means. Pure. */
export function outcomeOf({ exit, last, isStopped }: Ended): Outcome {
  if (last?.kind === 'finished' && !last.result.interrupted && exit.code === 0) {
    return { kind: 'trained', tokens: last.result.targetTokens };
  }
  if (isStopped) return { kind: 'stopped' };
  if (last?.kind === 'error') {
    const param = last.code.startsWith('DATA_') ? 'training_file' : null;
    return { kind: 'failed', error: { code: last.code.toLowerCase(), message: last.message, param } };
  }
  const how = exit.signal === null ? `exit code ${exit.code ?? 'none'}` : `the signal ${exit.signal}`;
  const words = exit.words === '' ? 'It said nothing.' : `It said: ${exit.words.slice(-500)}`;
  const { message } = new EspalierError('JOB_FAILED', { how, words });
  return { kind: 'failed', error: { code: 'job_failed', message, param: null } };
}
