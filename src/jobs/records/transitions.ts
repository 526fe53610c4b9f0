import { EspalierError, type JobStatus } from '../../core/index.ts';
import { isOver, type JobRecord } from './job-record.ts';

/** What happens to a job. */
export type JobAction =
  /** Its files have been read, and fit. */
  | { readonly kind: 'validated'; readonly rows: number }
  | { readonly kind: 'start' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'cancel' }
  /** The training is over, and its adapter is whole. */
  | { readonly kind: 'trained'; readonly tokens: number; readonly resultFiles: readonly string[] }
  /** The adapter is served. */
  | { readonly kind: 'served' }
  | { readonly kind: 'fail'; readonly error: NonNullable<JobRecord['error']> };

/** The states from which an action leads, and to which. `same` leaves the state as it is. */
const table: Readonly<
  Record<JobAction['kind'], { readonly from: readonly JobStatus[]; readonly to: JobStatus | 'same' }>
> = {
  validated: { from: ['validating_files'], to: 'queued' },
  start: { from: ['queued'], to: 'running' },
  pause: { from: ['validating_files', 'queued', 'running'], to: 'paused' },
  resume: { from: ['paused'], to: 'validating_files' },
  cancel: { from: ['validating_files', 'queued', 'running', 'paused'], to: 'cancelled' },
  trained: { from: ['running', 'paused'], to: 'same' },
  served: { from: ['running'], to: 'succeeded' },
  fail: { from: ['validating_files', 'queued', 'running'], to: 'failed' },
};

/** What the words of a refusal call an action. */
const words: Readonly<Record<JobAction['kind'], string>> = {
  validated: 'queued',
  start: 'started',
  pause: 'paused',
  resume: 'resumed',
  cancel: 'cancelled',
  trained: 'finished',
  served: 'served',
  fail: 'failed',
};

/** Whether an action is possible in the state of a job. */
export function canTake(job: Pick<JobRecord, 'status' | 'isTrained'>, kind: JobAction['kind']): boolean {
  // WHY: the adapter may be served already, under one of its names.
  if (isBeingServed(job) && (kind === 'pause' || kind === 'cancel')) return false;
  if (kind === 'served' && !job.isTrained) return false;
  return table[kind].from.includes(job.status);
}

function isBeingServed({ isTrained, status }: Pick<JobRecord, 'status' | 'isTrained'>): boolean {
  return isTrained && status === 'running';
}

/**
 * The job after an action. Pure.
 * @param now  Unix time in seconds
 * @throws EspalierError JOB_STATE
 */
export function afterAction(job: JobRecord, action: JobAction, now: number): JobRecord {
  const { kind } = action;
  if (!canTake(job, kind)) {
    const status = isBeingServed(job) ? 'trained and about to be served' : job.status;
    throw new EspalierError('JOB_STATE', { id: job.id, status, action: words[kind] });
  }
  const { to } = table[kind];
  const status = to === 'same' ? job.status : to;
  const moved: JobRecord = { ...job, status, finishedAt: isOver({ status }) ? now : null };
  if (action.kind === 'trained') {
    const { tokens, resultFiles } = action;
    return { ...moved, isTrained: true, trainedTokens: tokens, resultFiles: [...resultFiles] };
  }
  if (action.kind === 'validated') return { ...moved, rows: action.rows };
  return action.kind === 'fail' ? { ...moved, error: action.error } : moved;
}
