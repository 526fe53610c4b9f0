import type { RemoteJob, RemoteJobEvent } from '../http/index.ts';
import { inColumns } from './in-columns.ts';

/** A table of jobs, one a line. */
export function describeJobs(jobs: readonly RemoteJob[]): string {
  if (jobs.length === 0) return 'no jobs';
  const rows = jobs.map((job) => [job.id, job.status, timeOf(job.created_at), job.fine_tuned_model ?? '-']);
  return inColumns([['JOB', 'STATUS', 'CREATED', 'MODEL'], ...rows]);
}

/** One job. @param checkpoints  the steps of those that are kept */
export function describeJob(job: RemoteJob, checkpoints: readonly number[] = []): string {
  const { n_epochs, batch_size, learning_rate_multiplier } = job.hyperparameters;
  const optional = (name: string, value: string | number | null | undefined): string[] =>
    value === null || value === undefined ? [] : [`  ${name.padEnd(12)}${value}`];
  return [
    `${job.id}  ${job.status}`,
    ...optional('model', job.fine_tuned_model),
    ...optional('adapter', job.adapter),
    ...optional('base', job.model),
    ...optional('rows', job.training_file),
    ...optional('held out', job.validation_file),
    `  settings    ${n_epochs} epochs, batches of ${batch_size}, learning rate x ${learning_rate_multiplier}, seed ${job.seed}`,
    ...optional('created', timeOf(job.created_at)),
    ...optional('finished', job.finished_at === null ? null : timeOf(job.finished_at)),
    ...optional('tokens', job.trained_tokens),
    ...optional('checkpoints', checkpoints.length === 0 ? null : `at the steps ${checkpoints.join(', ')}`),
    ...optional('error', job.error && `${job.error.message} [${job.error.code}]`),
  ].join('\n');
}

/** Events, one a line. */
export function describeJobEvents(events: readonly RemoteJobEvent[]): string {
  const told = events.map(({ created_at, level, message }) => {
    return `${timeOf(created_at)}  ${level === 'info' ? '' : `${level}: `}${message}`;
  });
  return told.length === 0 ? 'no events' : told.join('\n');
}

/** @param seconds  Unix time */
function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
