import { type Clock, type ErrorCode, EspalierError, messageOf, Pace } from '../core/index.ts';
import type { StatsRecorder } from './engine-stats.ts';
import type { SequencePrefixes } from './prefix/sequence-prefixes.ts';
import { runStep, type PrefillStep, type StepRunner } from './runner/step-runner.ts';
import type { TokenScores } from './sampling/token-scores.ts';
import { Activations } from './schedule/activations.ts';
import { Sampler } from './sampling/sampler.ts';
import { Admission, QueuePace } from './schedule/admission.ts';
import { createSchedule, type ScheduleLimits, type SequenceEnd } from './schedule/schedule-state.ts';
import { begin, schedule, type Plan, type PrefillPlan } from './schedule/scheduler.ts';
import {
  advance,
  arrive,
  copyToRun,
  finish,
  moveToFill,
  moveToRun,
  preempt,
  run,
  runOnCopy,
} from './schedule/slots.ts';
import { type EndedSequence, endedSequence } from './sequence/ended-sequence.ts';
import type { Sequence } from './sequence/sequence.ts';

/** The part of the adapters' arena that the loop needs. */
export interface AdapterPlaces {
  /**
   * Called between two runs, when nothing reads the adapters. Active adapters may be moved only in this call. If it fails, the contents
   * of the rows are unknown, and the loop ends with all of its requests.
   */
  settle(): void | Promise<void>;
}

export interface LoopOptions {
  readonly runner: StepRunner;
  readonly limits: ScheduleLimits;
  readonly vocabulary: number;
  /** Most tokens of a prefill that returns the logits after each token. */
  readonly reportedChunk: number;
  /** A sequence that grows beyond this many tokens is run again from its first token (`ModelConfig.recomputeLength`). */
  readonly recomputeLength?: number | undefined;
  /** Most sequences that wait. */
  readonly maxWaiting: number;
  readonly stats: StatsRecorder;
  readonly clock: Clock;
  /** Called once for each sequence that leaves. */
  readonly onEnd?: ((ended: EndedSequence) => void) | undefined;
  /** The arena of the active adapters, if they can move. */
  readonly arena?: AdapterPlaces | undefined;
  /** The keys and values of prompts that have run, if they are kept. */
  readonly prefixes?: SequencePrefixes | undefined;
}

/** Number of waiting sequences, beyond the free slots, whose adapters are activated ahead. */
const activatedAhead = 4;

/**
 * Executes the plans of the scheduler, one run after the other, samples tokens and delivers them. Every change of a sequence happens
 * here, between two runs, so that nothing changes while a run reads it.
 *
 * No failure makes another sequence continue with wrong keys and values: they are moved first, and the schedule records the move after
 * it was made. A sequence whose keys and values cannot be moved is preempted, and computes them anew.
 */
export class EngineLoop {
  readonly #options: LoopOptions;
  readonly #sampler: Sampler;
  readonly #state: ReturnType<typeof createSchedule<Sequence>>;
  readonly #sequences = new Map<number, Sequence>();
  readonly #cancelled: Sequence[] = [];
  /** Rewritten for each decode step. Contains all running sequences. */
  readonly #decodeStep: { kind: 'decode'; slot: number; rows: readonly Sequence[]; candidates: number };
  /** Decides who may be added. */
  readonly admission: Admission;
  readonly #pace: QueuePace;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  readonly #activations = new Activations(() => this.#wake());
  #isAwake = false;
  #wakeSleeper: (() => void) | undefined;
  readonly #idle: (() => void)[] = [];

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#sampler = new Sampler(options.vocabulary);
    this.#state = createSchedule(options.limits);
    this.#decodeStep = { kind: 'decode', slot: 0, rows: this.#state.running, candidates: 0 };
    this.#pace = new QueuePace(options.clock);
    const { maxWaiting } = options;
    this.admission = new Admission({ state: this.#state, maxWaiting, pace: this.#pace });
    this.#ended = this.#loopUntilStopped();
  }

  get isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Adds a sequence that `admission` has admitted. */
  add(sequence: Sequence): void {
    const now = this.#options.clock.now();
    sequence.times.arrived = now;
    sequence.deadline = now + sequence.maxWaitMs;
    sequence.chunk = sequence.isPromptReported ? this.#options.reportedChunk : undefined;
    this.#sequences.set(sequence.id, sequence);
    arrive(this.#state, sequence);
    this.#wake();
  }

  /** What waits and runs now. */
  get state(): Readonly<Pick<ReturnType<typeof createSchedule<Sequence>>, 'waiting' | 'prefilling' | 'running'>> {
    return this.#state;
  }

  /** The sequence leaves before the next run. */
  cancel(sequence: Sequence): void {
    this.#cancelled.push(sequence);
    this.#wake();
  }

  /** Resolves as soon as no sequence is left. */
  settled(): Promise<void> {
    if (this.#sequences.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Ends the current run, and fails every sequence that is left. */
  async stop(): Promise<void> {
    this.#stop.abort(new EspalierError('ENGINE_CLOSED', {}));
    this.#wake();
    await this.#ended;
  }

  /** Runs the loop. However it ends, every sequence is closed. */
  async #loopUntilStopped(): Promise<void> {
    try {
      await this.#loop(this.#stop.signal);
    } catch (error) {
      this.#stop.abort(asFailure(error));
    }
    for (const sequence of this.#sequences.values()) this.#end(sequence, 'failed', this.#stop.signal.reason);
    this.#resolveIdle();
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.arena?.settle();
      await this.#takeOut();
      await this.#restartGrown();
      this.#activate();
      const plan = await this.#resumed(schedule(this.#state));
      begin(this.#state, plan);
      if (plan.kind === 'prefill') await this.#prefill(plan);
      else if (plan.kind === 'decode') await this.#decode();
      else if (plan.kind === 'preempt') await this.#preempt(plan.sequence);
      else await this.#sleep(signal);
    }
  }

  async #resumed(plan: Plan<Sequence>): Promise<Plan<Sequence>> {
    const { prefixes } = this.#options;
    return plan.kind !== 'prefill' || prefixes === undefined ? plan : prefixes.resume(this.#state, plan);
  }

  /** Ends the current sleep, or prevents the next one, because something has changed since the plan was made. */
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

  /** Removes sequences that were cancelled, whose adapters could not be read, or that have waited too long. */
  async #takeOut(): Promise<void> {
    for (const sequence of this.#cancelled.splice(0)) await this.#leave(sequence, 'cancelled');
    for (const { id, error } of this.#activations.takeFailed()) {
      const sequence = this.#sequences.get(id);
      if (sequence !== undefined) await this.#leave(sequence, 'failed', error);
    }
    const now = this.#options.clock.now();
    const isLate = ({ deadline, state }: Sequence): boolean => deadline < now && state.kind === 'waiting';
    if (!this.#state.waiting.some(isLate)) return;
    for (const sequence of this.#state.waiting.filter(isLate)) {
      const [waitedMs, limitMs] = [Math.round(now - (sequence.times.arrived ?? now)), sequence.maxWaitMs];
      await this.#leave(sequence, 'failed', new EspalierError('WAITED_TOO_LONG', { waitedMs, limitMs }));
    }
  }

  /** Restarts sequences that with their next token exceed the length for which their keys were computed. */
  async #restartGrown(): Promise<void> {
    const { recomputeLength } = this.#options;
    if (recomputeLength === undefined) return;
    const grown = this.#state.running.filter(({ length }) => length === recomputeLength);
    for (const sequence of grown) if (sequence.state.kind === 'running') await this.#preempt(sequence);
  }

  /** Activates the adapters of the next sequences. */
  #activate(): void {
    const { waiting, running, limits } = this.#state;
    if (waiting.length > 0) this.#activations.begin(waiting, limits.slots - running.length + activatedAhead);
  }

  async #prefill(plan: PrefillPlan<Sequence>): Promise<void> {
    const { sequence, slot, start, end, last } = plan;
    const { runner, stats, clock } = this.#options;
    const began = clock.now();
    if (sequence.times.admitted === undefined) this.#pace.started(this.#state.waiting.length);
    sequence.times.admitted ??= began;
    let scores: TokenScores | undefined;
    try {
      const logits = sequence.isPromptReported ? 'every' : 'last';
      const { prompt: tokens, adapters } = sequence;
      const step: PrefillStep = { kind: 'prefill', slot, start, end, tokens, adapters, logits };
      const { rows } = await runStep(runner, step, this.#stop.signal);
      if (logits === 'every') await sequence.reportPrompt(step, rows, this.#sampler);
      scores = rows[logits === 'every' ? end - start - 1 : 0];
      stats.prefilled(end - start, clock.now() - began);
      advance(this.#state, plan);
      sequence.length = end;
      if (!last) return;
      const move = moveToRun(this.#state, sequence);
      if (move !== undefined) await runner.slots.copy({ from: move.from, to: move.to, length: end });
      run(this.#state, sequence);
    } catch (error) {
      await this.#leave(sequence, 'failed', asFailure(error));
      return;
    }
    const sharing = sequence.group === undefined ? [] : await this.#share(sequence);
    for (const one of [sequence, ...sharing]) await this.#handOut(one, scores);
    await this.#keep(sequence);
  }

  /** Keeps what a sequence has run for later ones. WHY an error is no failure: the sequence itself needs no copy. */
  async #keep(sequence: Sequence): Promise<void> {
    await this.#options.prefixes?.keep(sequence).catch(() => undefined);
  }

  /** Copies a prompt's keys and values for waiting sequences with the same prompt, as far as slots are free. */
  async #share(sequence: Sequence): Promise<Sequence[]> {
    const sharing: Sequence[] = [];
    for (const other of this.#state.waiting.slice()) {
      if (!other.canShare(sequence)) continue;
      const copy = copyToRun(this.#state, other, sequence);
      if (copy === undefined) break;
      try {
        await this.#options.runner.slots.copy({ from: copy.from, to: copy.to, length: sequence.length });
      } catch {
        // It keeps waiting, and its prompt is run like any other.
        break;
      }
      other.times.admitted = this.#options.clock.now();
      runOnCopy(this.#state, other);
      this.#pace.started(this.#state.waiting.length);
      other.share(sequence);
      sharing.push(other);
    }
    return sharing;
  }

  async #decode(): Promise<void> {
    const { runner, stats, clock } = this.#options;
    const batch = this.#state.running;
    const size = batch.length;
    const began = clock.now();
    try {
      this.#decodeStep.candidates = 0;
      for (const sequence of batch) {
        this.#decodeStep.candidates = Math.max(this.#decodeStep.candidates, sequence.candidates);
      }
      const { rows } = await runStep(runner, this.#decodeStep, this.#stop.signal);
      stats.decoded(size, clock.now() - began);
      const pace = new Pace();
      // From the end, so that a sequence that fills a hole already has its token.
      for (let slot = size - 1; slot >= 0; slot--) {
        const sequence = batch[slot];
        if (sequence === undefined) continue;
        sequence.length++;
        await this.#handOut(sequence, rows[slot]);
        const turn = pace.step();
        if (turn) await turn;
      }
    } catch (error) {
      const failure = asFailure(error);
      // From the end, so that no sequence has to be moved.
      for (const sequence of batch.slice().reverse()) await this.#leave(sequence, 'failed', failure);
    }
  }

  /** Samples a token and emits it. An error fails only this sequence. A sequence that has lost its slot meanwhile gets its token later. */
  async #handOut(sequence: Sequence, scores: TokenScores | undefined): Promise<void> {
    if (sequence.isCancelled || sequence.state.kind !== 'running') return;
    try {
      const before = sequence.generated;
      if (scores === undefined) throw new RangeError('The runner gave no scores for a sequence');
      const finished = sequence.take(scores, this.#sampler);
      this.#options.stats.tokens.generated += sequence.generated - before;
      if (before === 0) sequence.times.firstToken = this.#options.clock.now();
      if (finished !== undefined) await this.#leave(sequence, 'finished');
    } catch (error) {
      await this.#leave(sequence, 'failed', error);
    }
  }

  /** Removes a sequence from the schedule and closes it. Its slot is filled, and its leases end. */
  async #leave(sequence: Sequence, how: SequenceEnd, error?: unknown): Promise<void> {
    if (!this.#sequences.has(sequence.id)) return;
    // WHY before it is kept: that is the engine's own work, and is less for a prompt that is kept already.
    sequence.times.finished = this.#options.clock.now();
    if (how !== 'failed') await this.#keep(sequence);
    await this.#vacate(sequence);
    this.#end(sequence, how, error);
    if (this.#sequences.size === 0) this.#resolveIdle();
  }

  #end(sequence: Sequence, how: SequenceEnd, error: unknown): void {
    this.#sequences.delete(sequence.id);
    finish(this.#state, sequence, how);
    sequence.times.finished ??= this.#options.clock.now();
    this.#options.stats.requests[how]++;
    sequence.close(error);
    this.#options.onEnd?.(endedSequence(sequence, how, error));
  }

  /** Moves a sequence back to the head of the queue. It computes its keys and values anew in its next turn. */
  async #preempt(sequence: Sequence): Promise<void> {
    await this.#keep(sequence);
    await this.#vacate(sequence);
    this.#requeue(sequence);
  }

  #requeue(sequence: Sequence): void {
    sequence.restart();
    preempt(this.#state, sequence);
    this.#options.stats.requests.preempted++;
  }

  /** Moves the sequence that will fill a slot into it. If that fails, that sequence is preempted, and the one before it is tried. */
  async #vacate(sequence: Sequence): Promise<void> {
    for (let move = moveToFill(this.#state, sequence); move; move = moveToFill(this.#state, sequence)) {
      try {
        await this.#options.runner.slots.copy({ from: move.from, to: move.to, length: move.sequence.length });
        return;
      } catch {
        this.#requeue(move.sequence);
      }
    }
  }

  #resolveIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** Errors that say themselves what was wrong, and with which request. */
const ownErrors: readonly ErrorCode[] = ['ENGINE_CLOSED', 'LOGITS_NOT_FINITE'];

function asFailure(error: unknown): unknown {
  if (EspalierError.isInstance(error) && ownErrors.includes(error.code)) return error;
  const reason = messageOf(error);
  return new EspalierError('GENERATION_FAILED', { reason }, { cause: error });
}
