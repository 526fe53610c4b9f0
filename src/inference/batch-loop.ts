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

/** What the loop needs of a `BatchRunner`. */
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
  /** The requests of a batch all have the same adapter's version, or none. */
  readonly adapter: HeldAdapter | undefined;
  readonly signal: AbortSignal | undefined;
}

interface Pending extends RunRequest {
  readonly queued: QueuedRequest;
  readonly adapter: HeldAdapter | undefined;
  isAborted: boolean;
  /** Ends the run that this request is in, once nobody waits for it. */
  onAbort: () => void;
  settle(answer: Answer): void;
  fail(error: unknown): void;
}

/**
 * Acts on what the scheduler plans: joins, runs, hands answers out.
 *
 * A batch that fails is run again request by request, so that one bad request never fails its neighbours. And the first batch that
 * is joined is run both ways: a graph whose rows do not keep to themselves (one that scales by the largest value of the whole
 * tensor, say) looks like any other, and is run request by request from then on.
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

  /** Why requests are not joined any more; undefined while they are. */
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

  /** Resolves as soon as nothing waits and nothing runs. */
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

  /** WHY in a turn of its own: what arrives in this turn of the event loop is joined without a wait. */
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

  /** Never throws: every request of the batch is settled one way or the other. */
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

  /** Runs each request alone; where that gives something else, these are the answers, and nothing is joined any more. */
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

/** An error of ONNX Runtime in the words of the service: whose fault it is decides whether a client should try again. */
function failureOf(error: unknown, model: string): unknown {
  if (!EspalierError.isInstance(error) || error.code !== 'ORT_FAILED') return error;
  const reason = String(error.details['reason'] ?? error.message);
  const isRefusal = String(error.details['ortCode']) === 'INVALID_ARGUMENT';
  return new EspalierError(isRefusal ? 'INFER_REFUSED' : 'INFER_FAILED', { model, reason }, { cause: error });
}
