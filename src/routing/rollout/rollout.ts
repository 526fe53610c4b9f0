import { EspalierError } from '../../core/index.ts';
import { arbitrate, type Arbitration, type Finding } from './arbitrate.ts';
import { placeOf } from './assignment.ts';
import type { CallOutcome } from './call-outcome.ts';
import { addCall, addComparison, addSlowdown, logOf, mirrorLimits, type MirroredLatencies } from './evidence.ts';
import { addPaired } from './paired-latency.ts';
import { addRecent, recentFailures } from './recent-failures.ts';
import type { Comparison } from './request-comparison.ts';
import { readRolloutOptions, type RolloutOptions, type RolloutStep } from './rollout-settings.ts';
import {
  createRolloutState,
  enterStep,
  readRolloutState,
  type RolloutPhase,
  type RolloutState,
  type RolloutSubject,
} from './rollout-state.ts';

export type Side = 'stable' | 'candidate';

/** Who answers a request, and whether the other version computes it as well, unseen by the user. */
export interface Assignment {
  readonly answers: Side;
  readonly isMirrored: boolean;
}

export interface CallEnd {
  readonly outcome: CallOutcome;
  /** Of a successful call. Absent if it cannot be compared with that of other calls. */
  readonly latencyMs?: number | undefined;
}

/** A request that the stable version answered and the candidate computed too. */
export interface MirroredCall {
  readonly outcome: CallOutcome;
  /** Whether the stable version failed on the same request: then it may be the request's fault. */
  readonly hasStableFailed: boolean;
  readonly comparison?: Comparison | undefined;
  /** Latencies that were measured in the same way, such as the time of the model runs alone. */
  readonly latencies?: MirroredLatencies | undefined;
}

export interface RolloutChange {
  readonly rollout: RolloutSubject;
  readonly phase: RolloutPhase;
  readonly step: number;
  /** The last look at the samples, if it led to the change. */
  readonly arbitration: Arbitration | undefined;
}

/**
 * Brings the candidate of a name into service by steps: at first it computes copies of requests only (shadow), then it answers a share of
 * the keys, then all. Pure state: no timer, no I/O; all times are passed in, in milliseconds of one monotonic clock. The state is plain
 * data (`toJSON`), and goes on after a restart.
 *
 * A step ends when it has lasted long enough, has enough samples, and its verdict is successful. A failed verdict rolls back, and so do,
 * at once and even while paused: logits that are not finite, a candidate that does not fit the base, too many failures among the last
 * calls while the stable version does well, and whatever `fail` is told. Without a verdict in time the roll-out is held for a person.
 */
export class Rollout {
  readonly #state: RolloutState;
  readonly #onChange: ((change: RolloutChange) => void) | undefined;
  #now: number;

  private constructor(state: RolloutState, now: number, onChange: ((change: RolloutChange) => void) | undefined) {
    this.#state = state;
    this.#now = now;
    this.#onChange = onChange;
  }

  /** @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID */
  static start(subject: RolloutSubject, { now, onChange, ...options }: RolloutOptions & RolloutContext): Rollout {
    if (subject.stable === subject.candidate) {
      throw new EspalierError('OPTION_INVALID', {
        name: 'candidate',
        expected: 'a version that differs from the stable one',
        actual: subject.candidate,
      });
    }
    return new Rollout(createRolloutState(subject, readRolloutOptions(options)), now, onChange);
  }

  /**
   * Goes on with what `toJSON` gave.
   * @throws EspalierError ROLLOUT_STATE_INVALID
   */
  static resume(saved: unknown, { now, onChange }: RolloutContext): Rollout {
    return new Rollout(readRolloutState(saved), now, onChange);
  }

  get phase(): RolloutPhase {
    return this.#state.phase;
  }

  get subject(): RolloutSubject {
    const { id, alias, stable, candidate } = this.#state;
    return { id, alias, stable, candidate };
  }

  /** A copy of the state. */
  toJSON(): RolloutState {
    return structuredClone(this.#state);
  }

  /**
   * Who answers a request. One key is answered by one version as long as the share stays, and a larger share only adds keys.
   * @param key  what belongs together, such as a user or a conversation; without one, each request is assigned by itself
   */
  assign(key?: string): Assignment {
    const { phase, id } = this.#state;
    if (phase.kind === 'promoted') return toCandidate;
    if (!this.#isLive) return toStable;
    const request = this.#state.requests++;
    const { share, mirror } = this.#step;
    if (share > 0 && placeOf(id, 'answer', key ?? request) < share) return toCandidate;
    const isMirrored = phase.kind === 'running' && mirror > 0 && placeOf(id, 'mirror', request) < mirror;
    return isMirrored ? toStableAndMirror : toStable;
  }

  /** Counts an answer that a user got, or failed to get. */
  recordAnswer(side: Side, { outcome, latencyMs }: CallEnd, now: number): void {
    if (!this.#advance(now) || outcome === 'cancelled') return;
    const { stableCalls, candidateCalls, recent } = this.#state;
    const isFailure = outcome !== 'success';
    addCall(side === 'stable' ? stableCalls : candidateCalls, isFailure, latencyMs);
    if (!isFailure && latencyMs !== undefined) addPaired(this.#state.latency, side, logOf(latencyMs));
    addRecent(recent[side], isFailure);
    if (side === 'candidate') this.#judgeHard(outcome);
    this.#judge();
  }

  recordMirrored({ outcome, hasStableFailed, comparison, latencies }: MirroredCall, now: number): void {
    if (!this.#advance(now) || outcome === 'cancelled') return;
    const { candidateCalls, mirror, recent, settings } = this.#state;
    const isFailure = outcome !== 'success';
    addCall(candidateCalls, isFailure, undefined);
    if (!(isFailure && hasStableFailed)) addRecent(recent.candidate, isFailure);
    if (comparison !== undefined) addComparison(mirror, comparison, mirrorLimits(settings.limits, settings.noise));
    if (latencies !== undefined) addSlowdown(mirror, latencies);
    this.#judgeHard(outcome);
    this.#judge();
  }

  /** Lets time pass without an event. */
  tick(now: number): void {
    if (this.#advance(now)) this.#judge();
  }

  /** Rolls back at once, for a reason seen elsewhere: the breaker tripped, the candidate cannot be loaded. */
  fail(reason: string, now: number): void {
    if (this.#advance(now)) this.#become({ kind: 'failed', reason });
  }

  pause(reason: string, now: number): void {
    if (this.#advance(now) && this.phase.kind === 'running') this.#become({ kind: 'paused', reason });
  }

  /** Goes on with the step and its samples; its longest time begins anew. */
  resume(now: number): void {
    if (!this.#advance(now) || this.phase.kind !== 'paused') return;
    this.#state.stepMs = Math.min(this.#state.stepMs, this.#step.minimumMs);
    this.#become({ kind: 'running' });
  }

  /** Gives the candidate everything now, whatever the samples say. */
  promote(reason: string, now: number): void {
    if (this.#advance(now)) this.#become({ kind: 'promoted', reason });
  }

  /** Gives the stable version everything now. The candidate has not failed. */
  abort(reason: string, now: number): void {
    if (this.#advance(now)) this.#become({ kind: 'aborted', reason });
  }

  get #isLive(): boolean {
    return this.phase.kind === 'running' || this.phase.kind === 'paused';
  }

  get #step(): RolloutStep {
    const step = this.#state.settings.steps[this.#state.step];
    if (step === undefined) throw new RangeError(`A roll-out has no step ${this.#state.step}`);
    return step;
  }

  /** @returns whether the roll-out still takes events */
  #advance(now: number): boolean {
    if (this.phase.kind === 'running') this.#state.stepMs += Math.max(now - this.#now, 0);
    this.#now = Math.max(now, this.#now);
    return this.#isLive;
  }

  #judgeHard(outcome: CallOutcome): void {
    const { recent, settings } = this.#state;
    const { hardFailures, hardWindow } = settings.limits;
    if (outcome === 'not-finite') this.#become({ kind: 'failed', reason: 'its logits are not finite' });
    else if (outcome === 'incompatible') this.#become({ kind: 'failed', reason: 'it does not fit the base' });
    else {
      const failures = recentFailures(recent.candidate, hardWindow);
      // WHY compared: when the machine is at fault, the stable version fails too, and nothing is known of the candidate.
      const isAlone = recentFailures(recent.stable, hardWindow) * 3 <= failures;
      if (failures < hardFailures || !isAlone) return;
      this.#become({ kind: 'failed', reason: `${failures} of its last ${hardWindow} calls failed` });
    }
  }

  /** Looks at the samples if it is time to. Looks are few, since each may be wrong. */
  #judge(): void {
    if (this.phase.kind !== 'running') return;
    const { stepMs, candidateCalls } = this.#state;
    const { minimumMs, minimumSamples, maximumMs } = this.#step;
    const mayPass = stepMs >= minimumMs && candidateCalls.calls >= minimumSamples;
    const isOver = stepMs >= maximumMs;
    const isDue = candidateCalls.calls >= this.#state.nextLook || (mayPass && this.#state.passLooks === 0);
    if (!isDue && !isOver) return;
    const arbitration = this.#look(mayPass);
    if (arbitration.verdict === 'failed') this.#become(failedBy(arbitration.findings), arbitration);
    else if (arbitration.verdict === 'successful') this.#pass(arbitration);
    else if (isOver) this.#become({ kind: 'paused', reason: 'no verdict in time' }, arbitration);
  }

  #look(mayPass: boolean): Arbitration {
    const state = this.#state;
    state.looks++;
    if (mayPass) state.passLooks++;
    state.nextLook = Math.max(state.nextLook, Math.ceil(state.candidateCalls.calls * lookGrowth));
    return arbitrate({
      settings: state.settings,
      step: this.#step,
      candidate: state.candidateCalls,
      mirror: state.mirror,
      stable: state.stableCalls,
      latency: state.latency.differences,
      look: state.looks,
      passLook: mayPass ? state.passLooks : undefined,
    });
  }

  #pass(arbitration: Arbitration): void {
    const next = this.#state.step + 1;
    if (next === this.#state.settings.steps.length) {
      this.#become({ kind: 'promoted', reason: 'every step was successful' }, arbitration);
      return;
    }
    enterStep(this.#state, next);
    this.#become({ kind: 'running' }, arbitration);
  }

  #become(phase: RolloutPhase, arbitration?: Arbitration): void {
    this.#state.phase = phase;
    this.#onChange?.({ rollout: this.subject, phase, step: this.#state.step, arbitration });
  }
}

export interface RolloutContext {
  readonly now: number;
  /** Called at each change of phase or step, after it. */
  readonly onChange?: ((change: RolloutChange) => void) | undefined;
}

const toStable: Assignment = { answers: 'stable', isMirrored: false };
const toStableAndMirror: Assignment = { answers: 'stable', isMirrored: true };
const toCandidate: Assignment = { answers: 'candidate', isMirrored: false };

/** The next look comes with so many times the samples of this one. */
const lookGrowth = 1.3;

function failedBy(findings: readonly Finding[]): RolloutPhase {
  const reasons = findings
    .filter(({ verdict }) => verdict === 'failed')
    .map(({ metric, observed, limit, samples }) => {
      const [value, most] = [observed, limit].map((number) => Number(number.toPrecision(3)));
      return `${metric} is ${value} over ${samples} samples, the limit is ${most}`;
    });
  return { kind: 'failed', reason: reasons.join('; ') };
}
