import { AsyncResource } from 'node:async_hooks';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpointsOf, listCheckpoints } from '../../checkpoint/index.ts';
import { type Clock, EspalierError, messageOf, publishJobEvent, type Timers } from '../../core/index.ts';
import { checkRows } from '../../train/index.ts';
import type { FileFolder } from '../files/file-folder.ts';
import type { JobTable } from '../job-table.ts';
import type { LoggedEvent } from '../records/event-log.ts';
import { type JobsLayout, placesOf } from '../records/job-folder.ts';
import { isOver, type JobRecord } from '../records/job-record.ts';
import { canTake, type JobAction } from '../records/transitions.ts';
import { endLeft } from './end-left.ts';
import { errorOf } from './error-of.ts';
import type { ServeAdapter } from './finished-adapter.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { planJobs } from './plan.ts';
import { isKept, readLine, type TrainedStep, type TrainingLine } from './read-lines.ts';
import { serveCheckpoints } from './serve-checkpoints.ts';
import { resultsTable } from './results-file.ts';
import { type TrainPlaces, trainArguments } from './train-arguments.ts';
import type { StartTraining, TrainingProcess } from './training-process.ts';
import { TrainingTime } from './training-time.ts';
import { withRetries } from './with-retries.ts';

export interface JobRunnerOptions {
  readonly layout: JobsLayout;
  readonly table: JobTable;
  readonly files: FileFolder;
  readonly base: Pick<TrainPlaces, 'base' | 'chatTemplate'>;
  readonly maxJobs: number;
  readonly memory: number | undefined;
  readonly start: StartTraining;
  readonly serve: ServeAdapter;
  readonly timers: Timers;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Measures how long trainings run. Default: the clock of the system. */
  readonly clock?: Clock | undefined;
}

/** A place that a job occupies. */
interface Place {
  isStopping: boolean;
  process: TrainingProcess | undefined;
}

/** What a training has told so far. */
interface ToldStep {
  /** The last step of which there is an event. */
  step: number;
  /** Of the last step. */
  losses: { readonly train_loss?: number; readonly valid_loss?: number };
}

/** How long a process may take for its last step when the server ends. Its checkpoints are whole in any case. */
const closeMs = 20_000;

/** Makes what runs what the states of the jobs say. */
export class JobRunner implements AsyncDisposable {
  readonly #options: JobRunnerOptions;
  readonly #places = new Map<string, Place>();
  readonly #validating = new Set<string>();
  readonly #working = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #time: TrainingTime;
  /** WHY: what a job does belongs to no request, and least of all to that of another job that gave it its place. */
  readonly #outsideOfRequests = AsyncResource.bind((task: () => Promise<void>): Promise<void> => task());

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    this.#time = new TrainingTime(options.clock);
  }

  /** Time for which trainings have run since the server began. */
  get trainingSeconds(): number {
    return this.#time.seconds;
  }

  /** Ends processes that an earlier server left, and begins. */
  async begin(): Promise<void> {
    await Promise.all(this.#options.table.list().map((job) => this.#endLeft(job)));
    this.pump();
  }

  async #endLeft(job: JobRecord): Promise<void> {
    const { id, process: mark } = job;
    if (mark === null) return;
    const problem = await endLeft(mark, { timers: this.#options.timers });
    if (problem === undefined) return;
    const error = new EspalierError('JOB_LEFT_RUNNING', { id, pid: mark.pid, problem });
    // WHY: two processes must not train one job.
    if (isOver(job)) this.#tell(id, error);
    else await this.#giveUp(id, error);
  }

  /** Does what the states ask for. Called after each change of a state, and when a process has ended. */
  pump(): void {
    const { table, maxJobs } = this.#options;
    const plan = planJobs({
      jobs: table.list(),
      places: this.#places,
      validating: this.#validating,
      maxJobs,
      isClosing: this.#closing.signal.aborted,
    });
    for (const id of plan.validate) this.#work(id, () => this.#validate(id));
    for (const id of plan.stop) this.#stop(id);
    for (const id of plan.kill) this.#places.get(id)?.process?.kill();
    for (const id of plan.start) this.#work(id, () => this.#run(id));
  }

  #work(id: string, task: () => Promise<void>): void {
    const work = this.#outsideOfRequests(task).catch((error: unknown) => this.#tell(id, error));
    this.#working.add(work);
    void work.finally(() => this.#working.delete(work));
  }

  #stop(id: string): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    place.isStopping = true;
    place.process?.stop();
  }

  async #validate(id: string): Promise<void> {
    const { table } = this.#options;
    this.#validating.add(id);
    try {
      const job = table.find(id);
      if (job === undefined) return;
      let rows = 0;
      for (const [param, file] of [
        ['validation_file', job.validationFile],
        ['training_file', job.trainingFile],
      ] as const) {
        if (file === null) continue;
        table.log(id, { message: `Validating ${param.replace('_', ' ')}: ${file}` });
        const checked = await this.#check(file).catch((error: unknown) => error);
        if (typeof checked !== 'number') return await this.#fail(id, errorOf(checked, param));
        rows = checked;
      }
      if (table.find(id)?.status !== 'validating_files') return;
      table.log(id, { message: 'Files validated, moving job to queued state' });
      await this.#act(id, { kind: 'validated', rows });
    } catch (error) {
      await this.#giveUp(id, error);
    } finally {
      this.#validating.delete(id);
      this.pump();
    }
  }

  async #check(file: string): Promise<number> {
    const { files } = this.#options;
    const found = files.find(file);
    if (found === undefined) throw new EspalierError('JOB_FILE_NOT_FOUND', { id: file });
    return (await checkRows(files.pathOf(file), { name: found.filename })).rows;
  }

  /** Trains if that is still to do, and brings the adapter into service. */
  async #run(id: string): Promise<void> {
    const { table } = this.#options;
    const place: Place = { isStopping: false, process: undefined };
    this.#places.set(id, place);
    try {
      if (table.find(id)?.status === 'queued') await this.#act(id, { kind: 'start' });
      if (table.find(id)?.status === 'running' && table.find(id)?.isTrained === false) await this.#train(id, place);
      const job = table.find(id);
      if (job?.status === 'running' && job.isTrained && !this.#closing.signal.aborted) await this.#serve(job);
    } catch (error) {
      await this.#giveUp(id, error);
    } finally {
      if (table.find(id)?.status === 'cancelled') await this.#removeOutput(id);
      this.#places.delete(id);
      this.pump();
    }
  }

  /**
   * Fails a job with which this server cannot go on. WHY: what is planned again at once would fail again at once, without end. On the
   * disk nothing is lost of it: what it has trained stays.
   */
  async #giveUp(id: string, error: unknown): Promise<void> {
    const { table } = this.#options;
    const job = table.find(id);
    // WHY not when the server ends: the next one goes on with the job.
    if (job === undefined || this.#closing.signal.aborted) return;
    this.#tell(id, error);
    if (canTake(job, 'fail')) await table.giveUp(id, errorOf(error, null));
  }

  async #removeOutput(id: string): Promise<void> {
    const { adapter } = placesOf(this.#options.layout, id);
    for (const path of [adapter, checkpointsOf(adapter)]) {
      await rm(path, { recursive: true, force: true }).catch((error: unknown) => this.#tell(id, error));
    }
  }

  async #train(id: string, place: Place): Promise<void> {
    const { table, memory, start } = this.#options;
    const job = table.find(id);
    if (job === undefined) return;
    table.log(id, { message: 'Fine-tuning job started' });
    let last: TrainingLine | undefined;
    const told: ToldStep = { step: lastStepOf(await table.events(id)), losses: {} };
    const onLine = (text: string): void => {
      const line = readLine(text);
      if (line?.kind === 'finished' || line?.kind === 'error') last = line;
      if (line !== undefined) this.#hear(id, line, told);
    };
    const words = trainArguments(job, await this.#trainPlaces(job));
    if (place.isStopping) return;
    const training = start({ words, memory, onLine });
    place.process = training;
    this.#time.count(training.ended);
    // It may have been cancelled meanwhile.
    this.pump();
    try {
      const mark = await training.mark.catch(() => null);
      if (mark !== null) await this.#keep(id, () => table.note(id, { process: mark }));
    } catch (error) {
      // WHY: a server after this one could not end what it does not know.
      training.kill();
      await training.ended;
      throw error;
    }
    const exit = await training.ended;
    try {
      await this.#take(job, outcomeOf({ exit, last, isStopped: place.isStopping }));
    } finally {
      // WHY it may fail: the mark of a process that has ended does no harm.
      await table.note(id, { process: null }).catch((error: unknown) => this.#tell(id, error));
    }
  }

  /** Keeps what became of a training. */
  async #take(job: JobRecord, outcome: Outcome): Promise<void> {
    const { id } = job;
    if (this.#options.table.find(id)?.status === 'cancelled') return;
    if (outcome.kind === 'failed') await this.#fail(id, outcome.error);
    if (outcome.kind !== 'trained') return;
    const resultFiles = await this.#results(job);
    await this.#act(id, { kind: 'trained', tokens: outcome.tokens, resultFiles });
  }

  async #trainPlaces({ id, startVersion, trainingFile, validationFile }: JobRecord): Promise<TrainPlaces> {
    const { layout, files, base } = this.#options;
    const evalData = validationFile === null ? undefined : files.pathOf(validationFile);
    const { start, adapter: output } = placesOf(layout, id);
    const initAdapter = startVersion === null ? undefined : start;
    const isBegun = (await listCheckpoints(checkpointsOf(output))).length > 0;
    return { ...base, initAdapter, data: files.pathOf(trainingFile), evalData, output, isBegun };
  }

  /** Keeps the table of metrics as a file. WHY a job goes on without: its adapter is whole, and its metrics lie beside the adapter. */
  async #results({ id, owner }: JobRecord): Promise<string[]> {
    const { layout, files, table } = this.#options;
    try {
      const lines = await readFile(join(placesOf(layout, id).adapter, 'metrics.jsonl'), 'utf8');
      const text = resultsTable(lines);
      return [(await this.#keep(id, () => files.write(text, { filename: `${id}-results.csv`, owner }))).id];
    } catch (error) {
      const message = `The job goes on without its file of results, which could not be kept: ${messageOf(error)}`;
      table.log(id, { level: 'warn', message });
      return [];
    }
  }

  async #serve(job: JobRecord): Promise<void> {
    const { table, layout, serve } = this.#options;
    const { id, fineTunedModel, adapter, rollout, actor, trace } = job;
    const { adapter: path } = placesOf(layout, id);
    const cause = { actor, reason: `fine-tuning job ${id}` };
    try {
      await serve({ fineTunedModel, adapter, rollout, path, trace, cause });
    } catch (error) {
      // WHY: the next server brings it into service.
      if (this.#closing.signal.aborted) return;
      return await this.#fail(id, errorOf(error, null));
    }
    table.log(id, { message: `New fine-tuned model created: ${fineTunedModel}` });
    await serveCheckpoints({ fineTunedModel, path, trace, cause, serve }, (event) => table.log(id, event));
    if (this.#closing.signal.aborted) return;
    await this.#act(id, { kind: 'served' });
    table.log(id, { message: 'The job has successfully completed' });
  }

  async #fail(id: string, error: NonNullable<JobRecord['error']>): Promise<void> {
    const { table } = this.#options;
    table.log(id, { level: 'error', message: error.message, data: { code: error.code } });
    await this.#act(id, { kind: 'fail', error }).catch(() => table.giveUp(id, error));
  }

  /** Keeps something on the disk. @throws what still hinders it after some attempts */
  #keep<T>(id: string, task: () => Promise<T>): Promise<T> {
    const { timers, table } = this.#options;
    const onFailure = (error: unknown, delayMs: number): void =>
      table.log(id, {
        level: 'warn',
        message: `Something could not be kept, and is tried again in ${delayMs / 1000} s: ${messageOf(error)}`,
      });
    return withRetries(task, { timers, signal: this.#closing.signal, onFailure });
  }

  /** Takes an action unless the job was cancelled or paused meanwhile. */
  async #act(id: string, action: JobAction): Promise<void> {
    const { table } = this.#options;
    const job = table.find(id);
    if (job === undefined || !canTake(job, action.kind)) return;
    await this.#keep(id, () => table.act(id, action)).catch((error: unknown) => {
      if (!EspalierError.isInstance(error) || error.code !== 'JOB_STATE') throw error;
    });
  }

  #hear(id: string, line: TrainingLine, told: ToldStep): void {
    const { table } = this.#options;
    switch (line.kind) {
      case 'planned':
        this.#work(id, () => table.note(id, { steps: line.plan.steps }));
        break;
      case 'stepped':
        this.#step(id, line, told);
        break;
      case 'saved':
        table.log(id, {
          message: `Checkpoint created at step ${line.step}`,
          data: { step: line.step, ...told.losses },
        });
        this.#publish(id, (common) => ({ ...common, event: 'checkpoint', step: line.step }));
        break;
      case 'resumed':
        table.log(id, { message: `The training goes on after step ${line.step}` });
        break;
      case 'warned':
        table.log(id, { level: 'warn', message: line.message });
        break;
      case 'evaluated':
      case 'finished':
      case 'error':
    }
  }

  #step(id: string, line: TrainedStep, told: ToldStep): void {
    const { metrics, steps } = line;
    const { step, loss, evalLoss: validLoss, tokensPerSecond, learningRate } = metrics;
    this.#publish(id, (common) => ({ ...common, event: 'step', step, steps, loss, validLoss, tokensPerSecond }));
    const losses = { train_loss: loss, ...(validLoss !== undefined && { valid_loss: validLoss }) };
    told.losses = losses;
    // A training that goes on from a checkpoint takes steps again that were told.
    if (step <= told.step || !isKept(line)) return;
    told.step = step;
    this.#options.table.log(id, {
      type: 'metrics',
      message: `Step ${step}/${steps}: training loss=${loss.toFixed(4)}`,
      data: { step, total_steps: steps, learning_rate: learningRate, ...losses },
    });
  }

  #publish(
    id: string,
    event: (common: { time: number; job: string; model: string }) => Parameters<typeof publishJobEvent>[0],
  ): void {
    const model = this.#options.table.find(id)?.fineTunedModel ?? '';
    publishJobEvent(event({ time: this.#options.now(), job: id, model }));
  }

  #tell(id: string, error: unknown): void {
    this.#options.table.log(id, { level: 'error', message: messageOf(error) });
  }

  /** Stops every training, and waits for their processes. The jobs go on with the next server. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.pump();
    const timer = setTimeout(() => {
      for (const { process } of this.#places.values()) process?.kill();
    }, closeMs);
    while (this.#working.size > 0) await Promise.all(this.#working);
    clearTimeout(timer);
  }
}

function lastStepOf(events: readonly LoggedEvent[]): number {
  const told = events.filter(({ type }) => type === 'metrics');
  return told.reduce((most, { data }) => Math.max(most, Number(data?.['step'] ?? 0)), 0);
}
