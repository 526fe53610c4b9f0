import { EspalierError, messageOf, publishJobEvent, Turns } from '../core/index.ts';
import { EventLog, type NewEvent } from './records/event-log.ts';
import { createJob, type JobsLayout, placesOf, readJobs, saveJob } from './records/job-folder.ts';
import { isOver, type JobRecord } from './records/job-record.ts';
import { afterAction, type JobAction } from './records/transitions.ts';

interface Entry {
  record: JobRecord;
  readonly log: EventLog;
}

export interface JobTableOptions {
  readonly layout: JobsLayout;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Told of each change of a state, after it was kept. */
  readonly onChange: (job: JobRecord) => void;
  /** Most jobs that have ended and are still known. Default: 10,000. */
  readonly mostEnded?: number | undefined;
}

/** Jobs that may be unfinished at once. WHY a limit: each has a record in memory and on the disk. */
const mostUnfinished = 1000;

/** WHY a limit: a record takes about two kilobytes in memory as long as the server runs. */
const defaultMostEnded = 10_000;

/** The records of the jobs, in memory and on the disk. Of those that have ended, the latest are known; older ones are on the disk alone. A change is kept before it is seen; `giveUp` alone does without. */
export class JobTable {
  readonly #options: JobTableOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #turns = new Turns();

  private constructor(options: JobTableOptions) {
    this.#options = options;
  }

  /** @throws EspalierError JOBS_UNREADABLE */
  static async open(options: JobTableOptions): Promise<JobTable> {
    const table = new JobTable(options);
    const records = await readJobs(options.layout);
    for (const record of records.toSorted(byAge)) table.#add(record);
    table.#leaveOut();
    return table;
  }

  /** In the order in which they were made. */
  list(): readonly JobRecord[] {
    return [...this.#entries.values()].map(({ record }) => record);
  }

  find(id: string): JobRecord | undefined {
    return this.#entries.get(id)?.record;
  }

  /** @throws EspalierError JOBS_FULL, and the errors of the file system. Nothing was made then. */
  async create(job: JobRecord, start?: string): Promise<void> {
    const count = this.list().filter((one) => !isOver(one)).length;
    if (count >= mostUnfinished) throw new EspalierError('JOBS_FULL', { count, limit: mostUnfinished });
    await createJob(this.#options.layout, job, start);
    this.#add(job);
    this.log(job.id, { message: `Created fine-tuning job: ${job.id}` });
    this.#tell(job);
  }

  #add(record: JobRecord): void {
    const { events } = placesOf(this.#options.layout, record.id);
    const log = new EventLog(events, () => seconds(this.#options.now()));
    this.#entries.set(record.id, { record, log });
  }

  /** Leaves out the jobs that ended first, if there are too many. */
  #leaveOut(): void {
    const { mostEnded = defaultMostEnded } = this.#options;
    const ended = this.list().filter(isOver);
    if (ended.length <= mostEnded) return;
    const oldest = ended.toSorted((a, b) => (a.finishedAt ?? 0) - (b.finishedAt ?? 0));
    for (const { id } of oldest.slice(0, ended.length - mostEnded)) this.#entries.delete(id);
  }

  /**
   * Takes a job from one state to another.
   * @throws EspalierError JOB_NOT_FOUND, JOB_STATE, and the errors of the file system. The job is as before then.
   */
  act(id: string, action: JobAction): Promise<JobRecord> {
    return this.#turns.take(id, async () => {
      const before = this.#entry(id).record;
      const record = afterAction(before, action, seconds(this.#options.now()));
      await this.#save(record);
      if (record.status !== before.status) this.#tell(record);
      return record;
    });
  }

  /** Keeps what is known of a job besides its state. */
  note(id: string, facts: Partial<Pick<JobRecord, 'steps' | 'process'>>): Promise<void> {
    return this.#turns.take(id, () => this.#save({ ...this.#entry(id).record, ...facts }));
  }

  /**
   * Fails a job, in memory alone where its record cannot be written: on the disk it is as it was then, and the next server goes on with it.
   * @throws EspalierError JOB_NOT_FOUND, JOB_STATE
   */
  giveUp(id: string, error: NonNullable<JobRecord['error']>): Promise<void> {
    return this.#turns.take(id, async () => {
      const entry = this.#entry(id);
      const record = afterAction(entry.record, { kind: 'fail', error }, seconds(this.#options.now()));
      await this.#save(record).catch(() => (entry.record = record));
      this.#tell(record);
    });
  }

  async #save(record: JobRecord): Promise<void> {
    await saveJob(this.#options.layout, record);
    this.#entry(record.id).record = record;
  }

  #tell(record: JobRecord): void {
    const { id: job, status, createdAt, fineTunedModel: model, error, trace } = record;
    publishJobEvent({
      event: 'status',
      time: this.#options.now(),
      job,
      model,
      status,
      created: 1000 * createdAt,
      error: error?.message,
      code: error?.code,
      trace: trace ?? undefined,
    });
    this.#options.onChange(record);
    if (isOver(record)) this.#leaveOut();
  }

  /** WHY it never fails: a job goes on although the disk is full. */
  log(id: string, event: NewEvent): void {
    const { record, log } = this.#entry(id);
    const { id: job, fineTunedModel: model } = record;
    const { level = 'info', message, type = 'message' } = event;
    if (type === 'message') publishJobEvent({ event: 'note', time: this.#options.now(), job, model, level, message });
    log.add(event).catch((error: unknown) => {
      const problem = `an event cannot be written: ${messageOf(error)}`;
      publishJobEvent({ event: 'note', time: this.#options.now(), job, model, level: 'warn', message: problem });
    });
  }

  /** The events of a job, the oldest first. */
  events(id: string): ReturnType<EventLog['list']> {
    return this.#entry(id).log.list();
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new EspalierError('JOB_NOT_FOUND', { id });
    return entry;
  }
}

function byAge(a: JobRecord, b: JobRecord): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}

export function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
