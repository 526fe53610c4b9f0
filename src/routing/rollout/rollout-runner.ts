import { type Cause, type Clock, EspalierError, publishAdapterEvent, systemClock } from '../../core/index.ts';
import type { BreakerTable } from '../breaker/breaker-table.ts';
import { decideAnswer, type Candidate, type Fallback } from '../breaker/fallback.ts';
import type { NoiseRuns } from './noise-runs.ts';
import { LatestOnly } from './latest-only.ts';
import { readRolloutRecord, type RolloutRecord } from './rollout-record.ts';
import type { RolloutOptions } from './rollout-settings.ts';
import type { RolloutState, RolloutSubject } from './rollout-state.ts';
import { Rollout, type RolloutChange } from './rollout.ts';
import { RoutedRequest } from './routed-request.ts';

export interface RunnerOptions {
  readonly breakers: BreakerTable;
  /** Keeps the record under the name, in place of the one before. */
  readonly save: (alias: string, record: RolloutRecord) => Promise<void>;
  /** Points the name to the candidate, if it still points to the stable version. May be called again after a failure or a restart. */
  readonly promote: (subject: RolloutSubject) => Promise<void>;
  /** Puts the candidate away until a person clears it. May be called again after a failure or a restart. */
  readonly quarantine: (subject: RolloutSubject, reason: string) => Promise<void>;
  /** The measurements of what versions differ from themselves by. */
  readonly noise?: Pick<NoiseRuns, 'takes'> | undefined;
  readonly clock?: Clock;
}

/** What a name points to, and what may answer in its place. */
export interface NameFacts {
  readonly alias: string;
  readonly version: string;
  /** The version before. */
  readonly previous: string | undefined;
  readonly fallback: Fallback;
}

interface Running {
  readonly rollout: Rollout;
  readonly saves: LatestOnly<RolloutRecord>;
  isSettled: boolean;
  /** Pending while what the end asks for is being done. */
  settling: Promise<void> | undefined;
  savedAt: number;
  /** Who gives the command that is being carried out. */
  cause: Cause;
}

/** What the roll-out does by itself. */
const itself: Cause = { actor: 'rollout' };

/** Samples that a crash may lose; and how long after a failure the end of a roll-out is tried again. */
const saveEveryMs = 5000;

/**
 * The roll-outs of all names, one a name. It has no timer: `tick` is called from outside, about once a second. Each change is published
 * as `rollout` and saved. When a roll-out ends, the runner has the name moved or the candidate put away, and tries again until that
 * is done, after a restart too.
 */
export class RolloutRunner implements Disposable {
  readonly #options: RunnerOptions;
  readonly #clock: Clock;
  readonly #running = new Map<string, Running>();
  readonly #breakerChanges: Disposable;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#breakerChanges = options.breakers.onChange((version, { to }) => {
      if (to === 'open') this.#failCandidate(version);
    });
  }

  /**
   * Starts a roll-out. Ends when it is saved.
   * @throws EspalierError ROLLOUT_ACTIVE, OPTION_UNKNOWN, OPTION_INVALID. Nothing was changed then.
   */
  async start(subject: RolloutSubject, options: RolloutOptions = {}, cause: Cause = itself): Promise<void> {
    const { alias } = subject;
    const present = this.#running.get(alias);
    if (present !== undefined && !present.isSettled) throw new EspalierError('ROLLOUT_ACTIVE', { name: alias });
    const onChange = (change: RolloutChange): void => this.#changed(change);
    const rollout = Rollout.start(subject, { ...options, now: this.#clock.now(), onChange });
    const running = this.#hold(rollout, false);
    this.#tell(running, { ...changeOf(rollout), cause });
    await this.#save(running);
  }

  /**
   * Goes on with what was saved, and does what an ended roll-out asked for and was not done.
   * @throws EspalierError ROLLOUT_STATE_INVALID, ROLLOUT_ACTIVE
   */
  restore(saved: unknown): void {
    const { state, isSettled } = readRolloutRecord(saved);
    if (this.#running.has(state.alias)) throw new EspalierError('ROLLOUT_ACTIVE', { name: state.alias });
    const onChange = (change: RolloutChange): void => this.#changed(change);
    const running = this.#hold(Rollout.resume(state, { now: this.#clock.now(), onChange }), isSettled);
    void this.#settle(running);
  }

  /** Decides who answers a request for a name. @param key  what belongs together; see `Rollout.assign` */
  choose({ alias, version, previous, fallback }: NameFacts, key?: string): RoutedRequest {
    const rollout = this.#rolloutFor(alias, version);
    const assigned = rollout?.assign(key);
    const isCandidate = assigned?.answers === 'candidate' && rollout !== undefined;
    // WHY the stable version, whatever is declared: a user must not see that a candidate fails.
    const state = isCandidate
      ? this.#stateOf(rollout.subject.candidate, version, 'previous')
      : this.#stateOf(version, previous, fallback);
    if (isCandidate) this.#compareLatency(rollout.subject);
    const answer = decideAnswer(state);
    const candidate =
      assigned?.isMirrored === true && answer.kind === 'version' ? rollout?.subject.candidate : undefined;
    const isOwn = rollout === undefined && answer.kind === 'version' && answer.version === version;
    const noise = isOwn ? this.#options.noise?.takes(alias, version) : undefined;
    const mirror = noise === undefined ? candidate : version;
    const { breakers } = this.#options;
    return new RoutedRequest({
      now: () => this.#clock.now(),
      breakers,
      state,
      answer,
      rollout,
      mirror,
      noise,
      isRetry: false,
    });
  }

  /** Whether a name has a roll-out that is not over, or whose end is not done yet. */
  isActive(alias: string): boolean {
    return this.#running.get(alias)?.isSettled === false;
  }

  /** @throws EspalierError ROLLOUT_NOT_FOUND */
  status(alias: string): RolloutState {
    return this.#find(alias).rollout.toJSON();
  }

  list(): readonly RolloutState[] {
    return [...this.#running.values()].map(({ rollout }) => rollout.toJSON());
  }

  /**
   * Carries out a person's command. Ends when it is done: for one that ends the roll-out, when the name is moved.
   * @throws EspalierError ROLLOUT_NOT_FOUND
   */
  async command(alias: string, what: 'promote' | 'abort' | 'pause' | 'resume', cause: Cause): Promise<void> {
    const running = this.#find(alias);
    const now = this.#clock.now();
    const reason = cause.reason ?? `${what} by ${cause.actor}`;
    running.cause = cause;
    try {
      if (what === 'resume') running.rollout.resume(now);
      else running.rollout[what](reason, now);
    } finally {
      running.cause = itself;
    }
    await this.#settle(running);
    await this.#save(running);
  }

  /** Lets time pass: steps end, samples are saved, and what failed at the end of a roll-out is tried again. */
  tick(): void {
    const now = this.#clock.now();
    for (const running of this.#running.values()) {
      running.rollout.tick(now);
      if (running.isSettled || now - running.savedAt < saveEveryMs) continue;
      void this.#save(running);
      void this.#settle(running);
    }
  }

  [Symbol.dispose](): void {
    this.#breakerChanges[Symbol.dispose]();
  }

  #hold(rollout: Rollout, isSettled: boolean): Running {
    const { alias } = rollout.subject;
    const saves = new LatestOnly<RolloutRecord>((record) => this.#keep(alias, record));
    const savedAt = this.#clock.now();
    const running: Running = { rollout, saves, isSettled, settling: undefined, savedAt, cause: itself };
    this.#running.set(alias, running);
    return running;
  }

  #find(alias: string): Running {
    const running = this.#running.get(alias);
    if (running === undefined) throw new EspalierError('ROLLOUT_NOT_FOUND', { name: alias });
    return running;
  }

  /** The roll-out that decides now. One whose name was moved by someone else has lost its subject. */
  #rolloutFor(alias: string, version: string): Rollout | undefined {
    const running = this.#running.get(alias);
    if (running === undefined || running.isSettled) return undefined;
    const { rollout } = running;
    if (rollout.subject.stable === version) return rollout;
    rollout.abort(`${alias} was moved to another version`, this.#clock.now());
    return undefined;
  }

  #stateOf(version: string, previous: string | undefined, fallback: Fallback) {
    const candidateOf = (digest: string): Candidate => ({
      version: digest,
      admit: () => this.#options.breakers.of(digest).admit(this.#clock.now()),
    });
    return {
      fallback,
      chosen: candidateOf(version),
      previous: previous === undefined ? undefined : candidateOf(previous),
    };
  }

  #compareLatency({ stable, candidate }: RolloutSubject): void {
    const { breakers } = this.#options;
    breakers.of(candidate).compareWith(breakers.of(stable).facts(this.#clock.now()).baselineMs);
  }

  #failCandidate(version: string): void {
    for (const { rollout } of this.#running.values()) {
      if (rollout.subject.candidate === version) rollout.fail('its breaker tripped', this.#clock.now());
    }
  }

  #changed(change: RolloutChange): void {
    const running = this.#running.get(change.rollout.alias);
    if (running === undefined) return;
    this.#tell(running, { ...change, cause: running.cause });
    void this.#save(running);
    void this.#settle(running);
  }

  /** Does what the end of a roll-out asks for. */
  #settle(running: Running): Promise<void> {
    const { phase } = running.rollout;
    const isOver = phase.kind !== 'running' && phase.kind !== 'paused';
    if (!isOver || running.isSettled) return Promise.resolve();
    running.settling ??= this.#doEnd(running).finally(() => (running.settling = undefined));
    return running.settling;
  }

  async #doEnd(running: Running): Promise<void> {
    const { phase, subject } = running.rollout;
    try {
      if (phase.kind === 'promoted') await this.#options.promote(subject);
      else if (phase.kind === 'failed') await this.#options.quarantine(subject, phase.reason);
      running.isSettled = true;
      await this.#save(running);
    } catch (error) {
      this.#tellFailure(subject, error);
    }
  }

  #save(running: Running): Promise<void> {
    running.savedAt = this.#clock.now();
    return running.saves.put({ state: running.rollout.toJSON(), isSettled: running.isSettled });
  }

  async #keep(alias: string, record: RolloutRecord): Promise<void> {
    try {
      await this.#options.save(alias, record);
    } catch (error) {
      this.#tellFailure(record.state, error);
    }
  }

  #tell({ rollout }: Running, { phase, step, cause }: Pick<RolloutChange, 'phase' | 'step'> & { cause: Cause }): void {
    const { id, alias, stable, candidate } = rollout.subject;
    const reason = phase.kind === 'running' ? cause.reason : phase.reason;
    publishAdapterEvent({
      event: 'rollout',
      name: alias,
      version: candidate,
      previous: stable,
      actor: cause.actor,
      result: phase.kind === 'failed' ? 'failed' : 'done',
      reason,
      details: { rollout: id, phase: phase.kind, step },
    });
  }

  #tellFailure({ id, alias, stable, candidate }: RolloutSubject, error: unknown): void {
    const { actor } = itself;
    publishAdapterEvent({
      event: 'rollout',
      name: alias,
      version: candidate,
      previous: stable,
      actor,
      error,
      details: { rollout: id },
    });
  }
}

function changeOf(rollout: Rollout): Pick<RolloutChange, 'phase' | 'step'> {
  return { phase: rollout.phase, step: rollout.toJSON().step };
}
