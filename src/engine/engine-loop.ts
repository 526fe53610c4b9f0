import { EspalierError, Pace, systemClock } from '../core/index.ts';
import type { ActiveRequest } from './sequence/active-request.ts';
import type { StatsRecorder } from './engine-stats.ts';
import type { DecodeRow, PrefillChunk } from './runner/model-runner.ts';
import { Activations } from './schedule/activations.ts';
import { Sampler } from './sampling/sampler.ts';
import {
  advance,
  begin,
  createSchedule,
  fork,
  remove,
  schedule,
  type PrefillPlan,
  type ScheduleLimits,
  type SlotMove,
} from './schedule/scheduler.ts';

/** What the loop needs of a `ModelRunner`. */
export interface StepRunner {
  prefill(chunk: PrefillChunk, signal: AbortSignal): Promise<Float32Array>;
  /** As `prefill`, with the logits after each token of the chunk, of which there are at most `reportedChunk`. */
  prefillReported(chunk: PrefillChunk, signal: AbortSignal): Promise<readonly Float32Array[]>;
  decode(batch: readonly DecodeRow[], signal: AbortSignal): Promise<readonly Float32Array[]>;
  moveSlot(move: { readonly from: number; readonly to: number; readonly length: number }): Promise<void>;
}

/** What the loop needs of the memory that adapters lie in. */
export interface AdapterPlaces {
  /**
   * Called between two runs, when nothing reads the adapters. Active ones may be put elsewhere here, and nowhere else. Where this
   * fails nobody knows what lies where, and the loop ends with all of its requests.
   */
  settle(): void | Promise<void>;
}

export interface LoopOptions {
  readonly runner: StepRunner;
  readonly limits: ScheduleLimits;
  readonly vocabulary: number;
  /** Most tokens of a prefill whose logits are all wanted. */
  readonly reportedChunk: number;
  /** A sequence that grows beyond this many tokens is run again from its first (`ModelConfig.recomputeLength`). */
  readonly recomputeLength?: number | undefined;
  readonly stats: StatsRecorder;
  /** Where active adapters lie, if they ever move. */
  readonly arena?: AdapterPlaces | undefined;
}

/** Waiting sequences whose adapters are brought in beyond those that there are free slots for. */
const activatedAhead = 4;

/**
 * Acts on what the scheduler plans: one run after the other, samples, and hands tokens out. Whatever happens to a
 * request happens here, between two runs, so that nothing a run reads changes under it.
 */
export class EngineLoop {
  readonly #runner: StepRunner;
  readonly #stats: StatsRecorder;
  readonly #sampler: Sampler;
  readonly #state: ReturnType<typeof createSchedule>;
  readonly #requests = new Map<number, ActiveRequest>();
  /** The running requests by slot: the scheduler's `running`, as objects. */
  readonly #batch: ActiveRequest[] = [];
  readonly #cancelled: ActiveRequest[] = [];
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  readonly #arena: AdapterPlaces | undefined;
  readonly #activations = new Activations(() => this.#wake());
  #isAwake = false;
  #wakeSleeper: (() => void) | undefined;
  readonly #idle: (() => void)[] = [];
  readonly #recomputeLength: number | undefined;
  readonly #reportedChunk: number;

  constructor({ runner, limits, vocabulary, reportedChunk, recomputeLength, stats, arena }: LoopOptions) {
    this.#arena = arena;
    this.#runner = runner;
    this.#recomputeLength = recomputeLength;
    this.#reportedChunk = reportedChunk;
    this.#stats = stats;
    this.#sampler = new Sampler(vocabulary);
    this.#state = createSchedule(limits);
    this.#ended = this.#loopUntilStopped();
  }

  get isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  get waiting(): number {
    return this.#state.waiting.length;
  }

  add(request: ActiveRequest): void {
    this.#requests.set(request.id, request);
    const chunk = request.isPromptReported ? { chunk: this.#reportedChunk } : {};
    this.#state.waiting.push({
      id: request.id,
      promptLength: request.prompt.length,
      isReady: request.ownAdapters.isActive,
      ...chunk,
    });
    this.#wake();
  }

  /** The request leaves before the next run. */
  cancel(request: ActiveRequest): void {
    this.#cancelled.push(request);
    this.#wake();
  }

  /** Resolves as soon as no request is left. */
  settled(): Promise<void> {
    if (this.#requests.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Ends the run that is under way, and fails every request that is left. */
  async stop(): Promise<void> {
    this.#stop.abort(new EspalierError('ENGINE_CLOSED', {}));
    this.#wake();
    await this.#ended;
  }

  /** However the loop ends, nobody is left waiting. */
  async #loopUntilStopped(): Promise<void> {
    try {
      await this.#loop(this.#stop.signal);
    } catch (error) {
      this.#stop.abort(asFailure(error));
    }
    for (const request of this.#requests.values()) {
      this.#stats.requests.failed++;
      request.close(this.#stop.signal.reason);
    }
    this.#requests.clear();
    this.#resolveIdle();
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#arena?.settle();
      await this.#takeOutCancelled();
      await this.#restartGrown();
      await this.#activate();
      const plan = schedule(this.#state);
      begin(this.#state, plan);
      if (plan.kind === 'prefill') await this.#prefill(plan);
      else if (plan.kind === 'decode') await this.#decode();
      else await this.#sleep(signal);
    }
  }

  /** Ends the sleep, or keeps the next one from beginning: something has come since the plan was made. */
  #wake(): void {
    this.#isAwake = true;
    this.#wakeSleeper?.();
  }

  /** Waits for `add`, `cancel`, `stop`, or an activation's end. */
  async #sleep(signal: AbortSignal): Promise<void> {
    if (!signal.aborted && !this.#isAwake) {
      await new Promise<void>((resolve) => {
        this.#wakeSleeper = resolve;
      });
    }
    [this.#wakeSleeper, this.#isAwake] = [undefined, false];
  }

  /** Has adapters brought in for the sequences that are next, and finds out whose have come or never will. */
  async #activate(): Promise<void> {
    for (const { id, error } of this.#activations.takeFailed()) {
      const request = this.#requests.get(id);
      if (request !== undefined) await this.#leave(request, 'failed', error);
    }
    const { waiting, running, limits } = this.#state;
    if (waiting.length === 0) return;
    this.#activations.begin(this.#waitingRequests(), limits.slots - running.length + activatedAhead);
    for (const sequence of waiting) {
      sequence.isReady ||= this.#requests.get(sequence.id)?.ownAdapters.isActive === true;
    }
  }

  *#waitingRequests(): Iterable<ActiveRequest> {
    for (const { id } of this.#state.waiting) {
      const request = this.#requests.get(id);
      if (request !== undefined) yield request;
    }
  }

  async #takeOutCancelled(): Promise<void> {
    for (const request of this.#cancelled.splice(0)) {
      if (this.#requests.has(request.id)) await this.#leave(request, 'cancelled');
    }
  }

  /** Sequences whose next token outgrows what their keys were computed for go back to the head of the queue. */
  async #restartGrown(): Promise<void> {
    if (this.#recomputeLength === undefined) return;
    const grown = this.#batch.filter(({ length }) => length === this.#recomputeLength);
    for (const request of grown) {
      await this.#takeFromBatch(request);
      request.restart();
      this.#state.waiting.unshift({ id: request.id, promptLength: request.prompt.length, isReady: true });
    }
  }

  async #prefill(plan: PrefillPlan): Promise<void> {
    const request = this.#requests.get(plan.id);
    if (request === undefined) throw new RangeError(`No request ${plan.id} to prefill`);
    const { slot, start, end } = plan;
    const began = systemClock.now();
    try {
      const chunk = { slot, start, end, tokens: request.prompt, adapters: request.adapters };
      const logits = await (request.isPromptReported
        ? this.#prefillReported(request, chunk)
        : this.#runner.prefill(chunk, this.#stop.signal));
      this.#stats.prefilled(end - start, systemClock.now() - began);
      request.length = end;
      await this.#move(advance(this.#state, plan));
      if (!plan.last) return;
      this.#batch.push(request);
      const sharing = request.group ? await this.#share(request) : undefined;
      await this.#handOut(request, logits);
      for (const other of sharing ?? []) await this.#handOut(other, logits);
    } catch (error) {
      await this.#leave(request, 'failed', asFailure(error));
    }
  }

  /** What a prompt left is copied for waiting requests with the same prompt, as far as there are slots. */
  async #share(request: ActiveRequest): Promise<ActiveRequest[]> {
    const sharing: ActiveRequest[] = [];
    for (const { id } of this.#state.waiting.slice()) {
      const other = this.#requests.get(id);
      if (other === undefined || !other.canShare(request)) continue;
      const copy = fork(this.#state, { id, from: request.id });
      if (copy === undefined) break;
      this.#batch.push(other);
      try {
        await this.#runner.moveSlot({ ...copy, length: request.length });
        other.share(request);
        sharing.push(other);
      } catch (error) {
        await this.#leave(other, 'failed', asFailure(error));
      }
    }
    return sharing;
  }

  async #prefillReported(request: ActiveRequest, chunk: PrefillChunk): Promise<Float32Array> {
    const rows = await this.#runner.prefillReported(chunk, this.#stop.signal);
    await request.reportPrompt(chunk, rows, this.#sampler);
    return rows[chunk.end - chunk.start - 1] ?? new Float32Array();
  }

  async #decode(): Promise<void> {
    const batch = this.#batch;
    const size = batch.length;
    const began = systemClock.now();
    try {
      const logits = await this.#runner.decode(batch, this.#stop.signal);
      this.#stats.decoded(size, systemClock.now() - began);
      const pace = new Pace();
      // From the end, so that a sequence that fills a hole has had its token already.
      for (let slot = size - 1; slot >= 0; slot--) {
        const [request, row] = [batch[slot], logits[slot]];
        if (request === undefined || row === undefined) continue;
        request.length++;
        await this.#handOut(request, row);
        const turn = pace.step();
        if (turn) await turn;
      }
    } catch (error) {
      const failure = asFailure(error);
      for (const request of batch.slice()) await this.#leave(request, 'failed', failure);
    }
  }

  /** Samples and emits; a request that fails here fails alone. */
  async #handOut(request: ActiveRequest, logits: Float32Array): Promise<void> {
    try {
      if (request.isCancelled) return;
      const before = request.generated;
      const finished = request.take(logits, this.#sampler);
      this.#stats.tokens.generated += request.generated - before;
      if (finished !== undefined) await this.#leave(request, 'finished');
    } catch (error) {
      await this.#leave(request, 'failed', error);
    }
  }

  /** Takes a request out of the schedule and closes it. Its slot is filled, and its leases end. */
  async #leave(request: ActiveRequest, how: 'finished' | 'cancelled' | 'failed', error?: unknown): Promise<void> {
    this.#requests.delete(request.id);
    await this.#takeFromBatch(request);
    this.#stats.requests[how]++;
    request.close(error);
    if (this.#requests.size === 0) this.#resolveIdle();
  }

  /** Its slot is filled. */
  async #takeFromBatch(request: ActiveRequest): Promise<void> {
    const move = remove(this.#state, request.id);
    const slot = this.#batch.indexOf(request);
    const last = slot < 0 ? undefined : this.#batch.pop();
    if (last !== undefined && last !== request) this.#batch[slot] = last;
    await this.#move(move, last);
  }

  #resolveIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #move(move: SlotMove | undefined, request = this.#requests.get(move?.id ?? -1)): Promise<void> {
    if (move !== undefined && request !== undefined) await this.#runner.moveSlot({ ...move, length: request.length });
  }
}

function asFailure(error: unknown): unknown {
  if (EspalierError.isInstance(error) && error.code === 'ENGINE_CLOSED') return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new EspalierError('GENERATION_FAILED', { reason }, { cause: error });
}
