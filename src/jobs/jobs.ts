import { resolve } from 'node:path';
import { lockOutput } from '../atomic-files/index.ts';
import { checkpointsOf, listCheckpoints } from '../checkpoint/index.ts';
import { type Clock, decideThreads, EspalierError, jobStatuses, type Timers } from '../core/index.ts';
import { trainDefaults } from '../train/index.ts';
import { FileFolder, type FileLimits } from './files/file-folder.ts';
import { JobTable, seconds } from './job-table.ts';
import type { LoggedEvent } from './records/event-log.ts';
import { newId, newSeed } from './records/ids.ts';
import { type JobsLayout, layoutOf, placesOf, prepare } from './records/job-folder.ts';
import { isOver, type JobRecord } from './records/job-record.ts';
import { JobRunner, type JobRunnerOptions } from './run/job-runner.ts';
import { startTraining, type StartTraining } from './run/training-process.ts';
import { type PostWebhook, WebhookQueue, type WebhookTarget } from './webhooks/webhook-queue.ts';

/** What an operator says of the jobs of a server. */
export interface JobSettings {
  /** The folder in which jobs and files are kept. */
  readonly dir: string;
  /** Jobs that train at once. Default: 1. */
  readonly maxJobs?: number | undefined;
  /** Threads of each training that compute. Default: a quarter of the cores, one at least. */
  readonly threads?: number | undefined;
  /** Most bytes of memory of its own that a training may take. Default: any. */
  readonly memory?: number | undefined;
  /** Where changes of state are told. */
  readonly webhook?: WebhookTarget | undefined;
}

export interface OpenJobsOptions extends JobSettings, Pick<JobRunnerOptions, 'base' | 'serve'> {
  readonly post: PostWebhook;
  readonly timers: Timers;
  readonly limits?: FileLimits | undefined;
  /** Starts a training. Default: in a process of its own. */
  readonly start?: StartTraining | undefined;
  /** Unix time in milliseconds. Default: the system's. */
  readonly now?: (() => number) | undefined;
  /** Measures how long trainings run. Default: the clock of the system. */
  readonly clock?: Clock | undefined;
}

/** A number, or what the server takes. */
type OrAuto = number | 'auto';

/** A job that is asked for. Its files exist. */
export interface NewJob extends Pick<
  JobRecord,
  'model' | 'trainingFile' | 'validationFile' | 'suffix' | 'metadata' | 'fineTunedModel' | 'adapter'
> {
  readonly seed: number | null;
  /** The adapter with which it begins; null: with a new one. */
  readonly start: { readonly version: string; readonly path: string } | null;
  readonly hyperparameters: {
    readonly nEpochs: OrAuto;
    readonly batchSize: OrAuto;
    readonly learningRateMultiplier: OrAuto;
  };
  readonly rollout: JobRecord['rollout'];
  readonly owner: string | null;
  readonly actor: string;
  readonly trace: JobRecord['trace'];
}

/** A checkpoint that is on the disk. */
export interface JobCheckpoint {
  readonly id: string;
  readonly createdAt: number;
  readonly step: number;
  readonly trainLoss: number | undefined;
  readonly validLoss: number | undefined;
}

/** How the jobs stand. */
export interface JobsFigures {
  /** Number of jobs by state; of those that ended, the latest. */
  readonly states: Readonly<Record<string, number>>;
  /** Jobs that can train at once. */
  readonly places: number;
  /** Time for which processes have trained since the server began. */
  readonly trainingSeconds: number;
}

/** What the routes, and whoever else shows or steers jobs, use of them. `onJobEvent` of `core` tells what happens. */
export interface JobControl extends Pick<
  Jobs,
  'list' | 'find' | 'create' | 'command' | 'events' | 'checkpoints' | 'removeFile' | 'staging'
> {
  readonly files: Pick<FileFolder, 'list' | 'find' | 'put' | 'open'>;
}

/** Three times through the rows is what OpenAI takes for data of the usual size. */
const autoEpochs = 3;

/** The fine-tuning jobs of a server, and their files. */
export class Jobs implements AsyncDisposable {
  readonly files: FileFolder;
  readonly #layout: JobsLayout;
  readonly #table: JobTable;
  readonly #runner: JobRunner;
  readonly #webhooks: WebhookQueue | undefined;
  readonly #lock: AsyncDisposable;
  readonly #options: OpenJobsOptions;
  #closed: Promise<void> | undefined;

  private constructor(
    options: OpenJobsOptions,
    parts: {
      layout: JobsLayout;
      lock: AsyncDisposable;
      files: FileFolder;
      table: JobTable;
      webhooks: WebhookQueue | undefined;
    },
  ) {
    const { base, maxJobs = 1, memory, start = startTraining, clock } = options;
    const { layout, files, table } = parts;
    this.#options = options;
    this.files = files;
    this.#layout = layout;
    this.#table = table;
    this.#webhooks = parts.webhooks;
    this.#lock = parts.lock;
    const { serve, timers, now = Date.now } = options;
    this.#runner = new JobRunner({ layout, table, files, base, maxJobs, memory, start, serve, timers, now, clock });
  }

  /**
   * Locks a folder of jobs, and reads what is in it. Nothing runs before `begin`.
   * @throws EspalierError JOBS_BUSY, JOBS_UNREADABLE, and the errors of the file system
   */
  static async open(options: OpenJobsOptions): Promise<Jobs> {
    const { now = Date.now, webhook: target, post, timers, limits } = options;
    const layout = layoutOf(resolve(options.dir));
    const lock = await lockJobs(layout);
    try {
      await prepare(layout);
      const files = await FileFolder.open({ layout, now: () => seconds(now()), limits });
      const webhooks = target && new WebhookQueue({ dir: layout.webhooks, target, post, timers, now });
      let changed: (job: JobRecord) => void = () => undefined;
      const table = await JobTable.open({ layout, now, onChange: (job) => changed(job) });
      const jobs = new Jobs(options, { layout, lock, files, table, webhooks });
      changed = (job) => jobs.#changed(job);
      return jobs;
    } catch (error) {
      await lock[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Goes on with what an earlier server left. Called when adapters can be served. */
  async begin(): Promise<void> {
    await this.#webhooks?.begin();
    await this.#runner.begin();
  }

  #changed(job: JobRecord): void {
    this.#webhooks?.tell(job);
    this.#runner.pump();
  }

  /** A folder on the disk of the jobs for files on their way. */
  get staging(): string {
    return this.#layout.staging;
  }

  /** In the order in which they were made. */
  list(): readonly JobRecord[] {
    return this.#table.list();
  }

  /** How many jobs there are of each state, how many can train at once, and how long trainings have run. */
  figures(): JobsFigures {
    const states: Record<string, number> = Object.fromEntries(jobStatuses.map((status) => [status, 0]));
    for (const { status } of this.list()) states[status] = (states[status] ?? 0) + 1;
    const { maxJobs = 1 } = this.#options;
    return { states, places: maxJobs, trainingSeconds: this.#runner.trainingSeconds };
  }

  find(id: string): JobRecord | undefined {
    return this.#table.find(id);
  }

  /** @throws EspalierError JOBS_FULL, and the errors of the file system */
  async create({ hyperparameters, seed, start, ...asked }: NewJob): Promise<JobRecord> {
    const { now = Date.now, threads = Math.max(1, Math.floor(decideThreads().compute / 4)) } = this.#options;
    const { nEpochs, batchSize, learningRateMultiplier } = hyperparameters;
    const auto = (value: OrAuto, usual: number): number => (value === 'auto' ? usual : value);
    const job: JobRecord = {
      id: newId('ftjob-'),
      status: 'validating_files',
      createdAt: seconds(now()),
      finishedAt: null,
      ...asked,
      startVersion: start?.version ?? null,
      seed: seed ?? newSeed(),
      hyperparameters: {
        nEpochs: auto(nEpochs, autoEpochs),
        batchSize: auto(batchSize, trainDefaults.batchSize),
        learningRateMultiplier: auto(learningRateMultiplier, 1),
      },
      threads,
      rows: null,
      isTrained: false,
      steps: null,
      trainedTokens: null,
      resultFiles: [],
      error: null,
      process: null,
    };
    await this.#table.create(job, start?.path);
    return job;
  }

  /** @throws EspalierError JOB_NOT_FOUND, JOB_STATE, and the errors of the file system */
  async command(id: string, what: 'pause' | 'resume' | 'cancel'): Promise<JobRecord> {
    const job = await this.#table.act(id, { kind: what });
    this.#table.log(id, {
      message: { pause: 'The job is paused', resume: 'The job goes on', cancel: 'The job is cancelled' }[what],
    });
    return job;
  }

  /** The newest first. @throws EspalierError JOB_NOT_FOUND */
  async events(id: string): Promise<readonly LoggedEvent[]> {
    return (await this.#table.events(id)).toReversed();
  }

  /** Those that are on the disk, the newest first. @throws EspalierError JOB_NOT_FOUND */
  async checkpoints(id: string): Promise<readonly JobCheckpoint[]> {
    const events = await this.#table.events(id);
    const kept = await listCheckpoints(checkpointsOf(placesOf(this.#layout, id).adapter));
    const steps = new Set(kept.map(({ step }) => step));
    const found = new Map<number, JobCheckpoint>();
    for (const { id: event, createdAt, message, data } of events) {
      const numberIn = (key: string): number | undefined => (typeof data?.[key] === 'number' ? data[key] : undefined);
      const step = message.startsWith('Checkpoint ') ? numberIn('step') : undefined;
      if (step === undefined || !steps.has(step)) continue;
      found.set(step, {
        id: event.replace('ftevent-', 'ftckpt_'),
        createdAt,
        step,
        trainLoss: numberIn('train_loss'),
        validLoss: numberIn('valid_loss'),
      });
    }
    return [...found.values()].toReversed();
  }

  /** Removes a file. @throws EspalierError JOB_FILE_IN_USE, and the errors of the file system */
  async removeFile(id: string): Promise<void> {
    const user = this.list().find((job) => !isOver(job) && (job.trainingFile === id || job.validationFile === id));
    if (user !== undefined) throw new EspalierError('JOB_FILE_IN_USE', { id, job: user.id });
    await this.files.remove(id);
  }

  /** Ends what runs, so that the next server goes on with it. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#runner[Symbol.asyncDispose]();
    await this.#webhooks?.[Symbol.asyncDispose]();
    await this.#lock[Symbol.asyncDispose]();
  }
}

/** @throws EspalierError JOBS_BUSY */
async function lockJobs({ dir, server }: JobsLayout): Promise<AsyncDisposable> {
  try {
    return await lockOutput(server);
  } catch (error) {
    if (!EspalierError.isInstance(error) || error.code !== 'OUTPUT_BUSY') throw error;
    const { pid = 'unknown' } = error.details;
    throw new EspalierError('JOBS_BUSY', { dir, pid: String(pid) }, { cause: error });
  }
}
