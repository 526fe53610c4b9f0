import type { JobStatus } from '../../core/index.ts';

/** A job as the plan sees it. */
export interface PlannedJob {
  readonly id: string;
  readonly status: JobStatus;
  readonly createdAt: number;
}

/** A job that occupies a place: its process runs, or its adapter is being brought into service. */
export interface OccupiedPlace {
  readonly isStopping: boolean;
}

export interface Plan {
  /** Jobs whose files are to be read. */
  readonly validate: readonly string[];
  readonly start: readonly string[];
  /** Jobs whose processes are to finish their step and end. */
  readonly stop: readonly string[];
  /** Jobs whose processes are to end at once. */
  readonly kill: readonly string[];
}

export interface PlanState {
  /** In the order in which they were made. */
  readonly jobs: readonly PlannedJob[];
  readonly places: ReadonlyMap<string, OccupiedPlace>;
  /** Jobs whose files are being read. */
  readonly validating: ReadonlySet<string>;
  readonly maxJobs: number;
  readonly isClosing: boolean;
}

/**
 * What is to be done, so that what runs is what the states of the jobs say. Pure. A place is free again when its process has ended, and
 * not when it was asked to. A job that ran when the server ended goes before those that wait.
 */
export function planJobs({ jobs, places, validating, maxJobs, isClosing }: PlanState): Plan {
  const idsOf = (...statuses: readonly JobStatus[]): string[] =>
    jobs.filter(({ status }) => statuses.includes(status)).map(({ id }) => id);
  const occupying = (ids: readonly string[]): string[] => ids.filter((id) => places.has(id));
  const kill = occupying(idsOf('cancelled', 'failed'));
  const unwanted = isClosing ? [...places.keys()] : occupying(idsOf('paused'));
  const stop = unwanted.filter((id) => !kill.includes(id) && places.get(id)?.isStopping === false);
  if (isClosing) return { validate: [], start: [], stop, kill };
  const waiting = [...idsOf('running'), ...idsOf('queued')].filter((id) => !places.has(id));
  return {
    validate: idsOf('validating_files').filter((id) => !validating.has(id)),
    start: waiting.slice(0, Math.max(0, maxJobs - places.size)),
    stop,
    kill,
  };
}
