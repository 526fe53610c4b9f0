import { EspalierError, type Clock } from '../core/index.ts';
import {
  type BatchLimits,
  type BatchPlan,
  type BatchState,
  begin,
  cancel,
  createBatchState,
  end,
  enqueue,
  planBatch,
  type QueuedRequest,
} from './batch-scheduler.ts';
import { RowsLostError, type Answer, type RunSettings } from './batch-runner.ts';
import type { RunRequest } from './run-request.ts';
import type { CheckedRequest } from './check-request.ts';
import type { ResidentAdapter } from './model-adapters.ts';
import { answersAgree } from './rows-agree.ts';

/** The part of a `BatchRunner` that the loop needs. */
export interface RequestRunner {
  run(batch: readonly RunRequest[], settings: RunSettings): Promise<Answer[]>;
}

export interface LoopOptions {
  readonly model: string;
  readonly runner: RequestRunner;
  readonly limits: BatchLimits;
  readonly clock: Clock;
}

/** A version of an adapter, with its weights held in memory. */
export interface HeldAdapter {
  readonly digest: string;
  readonly weights: ResidentAdapter;
}

export interface PendingOptions {
  /** All requests of a batch have the same adapter version, or none. */
  readonly adapter: HeldAdapter | undefined;
  readonly signal: AbortSignal | undefined;
}

interface Pending extends RunRequest {
  readonly queued: QueuedRequest;
  readonly adapter: HeldAdapter | undefined;
  isAborted: boolean;
  /** Ends the run of this request if no request of the batch is waited for any more. */
  onAbort: () => void;
  settle(answer: Answer): void;
  fail(error: unknown): void;
}

/**
 * Executes the plans of the scheduler: joins requests, runs them and delivers the answers.
 *
 * A batch that fails is run again request by request, so that one bad request does not fail the others. The first joined batch is run
 * in both ways, because the graph does not show whether its rows are independent (for example, whether it scales by the largest value
 * of the whole tensor). If the results differ, requests are run one by one from then on.
 */
export class BatchLoop {
  readonly stats = { requests: 0, batches: 0, rows: 0, largestBatch: 0 };
  readonly #options: LoopOptions;
  readonly #state: BatchState;
  readonly #pending = new Map<number, Pending>();
  readonly #freeLanes: number[];
  readonly #idle: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isAwake = false;
  #requests = 0;
  #underWay = 0;
  #isVerified = false;
  #refusal: string | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#state = createBatchState(options.limits);
    this.#freeLanes = Array.from({ length: options.limits.runs }, (_, lane) => lane).reverse();
  }

  get waiting(): number {
    return this.#state.waiting;
  }

  /** The reason why requests are no longer joined; undefined while they are joined. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** @throws EspalierError INFER_REFUSED, INFER_FAILED; the signal's reason when it aborts */
  run(checked: CheckedRequest, { adapter, signal }: PendingOptions): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const id = this.#requests++;
      const group = this.#groupOf(checked, adapter);
      const queued = { id, group, rows: checked.rows, arrivedMs: this.#options.clock.now() };
      const abort = (): void => this.#abort(pending, signal?.reason);
      const leave = (): void => {
        signal?.removeEventListener('abort', abort);
        this.#pending.delete(id);
      };
      const pending: Pending = {
        ...checked,
        queued,
        adapter,
        isAborted: false,
        onAbort: () => undefined,
        settle: (answer) => (leave(), resolve(answer)),
        fail: (error) => (leave(), reject(error as Error)),
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#pending.set(id, pending);
      this.stats.requests++;
      enqueue(this.#state, queued);
      this.#wake();
    });
  }

  /** Resolves as soon as no request waits or runs. */
  settled(): Promise<void> {
    if (this.#pending.size === 0 && this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #groupOf({ group }: CheckedRequest, adapter: HeldAdapter | undefined): string | undefined {
    if (group === undefined || this.#refusal !== undefined) return undefined;
    return `${adapter?.digest ?? 'base'} ${group}`;
  }

  #abort(pending: Pending, reason: unknown): void {
    pending.isAborted = true;
    cancel(this.#state, pending.queued);
    pending.fail(reason);
    pending.onAbort();
    this.#resolveIdle();
  }

  /** WHY in a separate turn: requests that arrive in the same turn of the event loop are joined without waiting. */
  #wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    setImmediate(() => {
      this.#isAwake = false;
      this.#pump();
    });
  }

  #pump(): void {
    clearTimeout(this.#timer);
    const { clock } = this.#options;
    for (;;) {
      const plan = planBatch(this.#state, clock.now());
      if (plan.kind === 'idle') return;
      if (plan.kind === 'wait') {
        this.#timer = setTimeout(() => this.#pump(), Math.max(0, plan.untilMs - clock.now()));
        return;
      }
      begin(this.#state, plan);
      void this.#runPlan(plan);
    }
  }

  async #runPlan({ requests }: BatchPlan & { kind: 'run' }): Promise<void> {
    const lane = this.#freeLanes.pop() ?? 0;
    this.#underWay++;
    try {
      await this.#serve(
        requests.flatMap(({ id }) => this.#pending.get(id) ?? []),
        lane,
      );
    } finally {
      this.#underWay--;
      this.#freeLanes.push(lane);
      end(this.#state);
      this.#resolveIdle();
      this.#wake();
    }
  }

  /** Never throws: every request of the batch is resolved or rejected. */
  async #serve(batch: readonly Pending[], lane: number): Promise<void> {
    if (batch.length === 0) return;
    try {
      const answers = await this.#run(batch, lane);
      const isSound = batch.length === 1 || this.#isVerified || (await this.#verify(batch, answers, lane));
      if (isSound) for (const [place, pending] of batch.entries()) pending.settle(answers[place] ?? new Map());
    } catch (error) {
      if (error instanceof RowsLostError) this.#refusal = error.message;
      if (batch.length === 1) batch[0]?.fail(failureOf(error, this.#options.model));
      else for (const pending of batch) await this.#serve([pending], lane);
    }
  }

  async #run(batch: readonly Pending[], lane: number): Promise<Answer[]> {
    const rows = batch.reduce((sum, pending) => sum + pending.rows, 0);
    this.stats.batches++;
    this.stats.rows += rows;
    this.stats.largestBatch = Math.max(this.stats.largestBatch, rows);
    const controller = new AbortController();
    const abortIfUnwanted = (): void => {
      if (batch.every(({ isAborted }) => isAborted)) controller.abort();
    };
    for (const pending of batch) pending.onAbort = abortIfUnwanted;
    const tensors = batch[0]?.adapter?.weights.tensors;
    return this.#options.runner.run(batch, { lane, tensors, signal: controller.signal });
  }

  /** Runs each request alone. If the results differ, they are the answers, and requests are no longer joined. */
  async #verify(batch: readonly Pending[], joined: readonly Answer[], lane: number): Promise<boolean> {
    const alone: Answer[] = [];
    for (const pending of batch) alone.push(...(await this.#run([pending], lane)));
    const isSame = await Promise.all(alone.map((answer, place) => answersAgree(answer, joined[place] ?? new Map())));
    if (isSame.every(Boolean)) {
      this.#isVerified = true;
      return true;
    }
    this.#refusal = 'a joined batch gave other rows than its requests alone';
    for (const [place, pending] of batch.entries()) pending.settle(alone[place] ?? new Map());
    return false;
  }

  #resolveIdle(): void {
    if (this.#pending.size > 0 || this.#underWay > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** Converts an error of ONNX Runtime to one of the service. Its cause decides whether a client should try again. */
function failureOf(error: unknown, model: string): unknown {
  if (!EspalierError.isInstance(error) || error.code !== 'ORT_FAILED') return error;
  const reason = String(error.details['reason'] ?? error.message);
  const isRefusal = String(error.details['ortCode']) === 'INVALID_ARGUMENT';
  return new EspalierError(isRefusal ? 'INFER_REFUSED' : 'INFER_FAILED', { model, reason }, { cause: error });
}
