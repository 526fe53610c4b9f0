import type { JobEvent, JobStatus } from '../../core/index.ts';
import type { PlannedSpan } from './planned-span.ts';

type ToldStatus = Extract<JobEvent, { readonly event: 'status' }>;

/** States that are remembered: those of more jobs than may be unfinished at once. */
const remembered = 1024;

const ends: ReadonlySet<JobStatus> = new Set<JobStatus>(['succeeded', 'failed', 'cancelled']);

/** The spans of fine-tuning jobs: one for each, written when it has ended, with a child for each state that this process saw it in. */
export class JobSpans {
  /** The states of each unfinished job, the job that was told of the longest ago first. */
  readonly #told = new Map<string, readonly ToldStatus[]>();

  /** @returns the span of the job that has ended with this event; undefined for any other event */
  heard(event: JobEvent): PlannedSpan | undefined {
    if (event.event !== 'status') return undefined;
    const told = [...(this.#told.get(event.job) ?? []), event];
    this.#told.delete(event.job);
    if (ends.has(event.status)) return spanOf(event, told);
    this.#told.set(event.job, told);
    for (const oldest of this.#told.keys()) {
      if (this.#told.size <= remembered) break;
      this.#told.delete(oldest);
    }
    return undefined;
  }
}

function spanOf({ job, model, status, time, created, code }: ToldStatus, told: readonly ToldStatus[]): PlannedSpan {
  return {
    name: 'fine_tuning.job',
    // WHY not when it was first heard of: a server that was started again goes on with jobs that an earlier one began.
    start: Math.min(created, time),
    end: time,
    attributes: { 'espalier.job.id': job, 'espalier.job.status': status, 'espalier.adapter.name': model },
    errorType: status === 'failed' ? (code ?? '_OTHER') : undefined,
    children: told.slice(0, -1).map((one, at) => {
      return { name: `job.${one.status}`, start: one.time, end: told[at + 1]?.time ?? time, attributes: {} };
    }),
  };
}
