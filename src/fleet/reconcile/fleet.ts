import { type Cause, EspalierError, messageOf, Turns, systemTimers, type Timers } from '../../core/index.ts';
import { type FleetRow, isNothing } from '../plan/plan-fleet.ts';
import type { FleetSource, OpenedPath, SourceState } from '../source/fleet-source.ts';
import { attemptsAfter, causeOf, FleetApplier, type PreparedPlan } from './fleet-applier.ts';
import { driftText, reasonOf, tellFleet } from './fleet-events.ts';
import type { FleetRecords, FleetSnapshot, FleetState } from './fleet-record.ts';
import type { FleetServer } from './fleet-server.ts';
import { type FleetStatus, hasDrift, type Refused, syncOf } from './fleet-status.ts';
import { untilNextLook } from './next-look.ts';

export interface FleetOptions {
  readonly server: FleetServer;
  /** undefined: nothing is followed; manifests are applied by hand. */
  readonly source: FleetSource | undefined;
  /** Where the state is kept. */
  readonly record: FleetRecords;
  readonly adapters?: string | undefined;
  readonly intervalMs?: number | undefined;
  readonly now?: (() => number) | undefined;
  /** Calls a function later. */
  readonly timers?: Timers | undefined;
}

const longestRetryMs = 60_000;
/** WHY not at each look: a write every five seconds wears a disk, and a minute is exact enough. */
const checkedEveryMs = 60_000;
const byHand = 'a manifest that was applied by hand';

/**
 * Keeps a server as a manifest says. It looks at its source from time to time, takes each new state as a whole or not at all, puts back
 * what others have changed, and remembers what it has applied, so that a restart serves it again without the source.
 */
export class Fleet implements AsyncDisposable {
  readonly #options: FleetOptions;
  readonly #applier: FleetApplier;
  readonly #record: FleetRecords;
  readonly #turns = new Turns();
  readonly #ending = new AbortController();
  readonly #now: () => number;
  #state: FleetState;
  #head: SourceState | undefined;
  /** The manifest that was read last. */
  #text: string | undefined;
  /** The names that must be served, and the manifest that says so. */
  #required: { readonly text: string; readonly names: readonly string[] } | undefined;
  #refused: (Refused & { readonly tries: number; readonly retryAt: number }) | undefined;
  #unreachable: FleetStatus['unreachable'];
  /** When the look at the source began that goes on. */
  #lookingSince: number | undefined;
  /** The drift that was told last, and the trouble in putting it back. */
  #toldDrift = '';
  #toldTrouble = '';
  #checkWrittenAt = 0;
  /** The rows of the last look. */
  #rows: readonly FleetRow[] = [];
  /** Why what was applied cannot be compared with what lives. */
  #problem: unknown;
  #cancel: (() => void) | undefined;

  private constructor(options: FleetOptions, state: FleetState) {
    this.#options = options;
    this.#applier = new FleetApplier({ server: options.server, adapters: options.adapters });
    this.#record = options.record;
    this.#state = state;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Restores what was applied last. What a process was about to apply when it ended is applied now; so names are never those of two
   * commits. Then the source is followed.
   */
  static async open(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options, await options.record.read());
    await fleet.#turns.take('', () => fleet.#restore());
    if (options.source !== undefined) {
      // WHY: with a snapshot the server serves at once; without one it waits for the source.
      if (fleet.#state.applied === undefined) await fleet.look();
      fleet.#schedule();
    }
    return fleet;
  }

  async #restore(): Promise<void> {
    const { pending, applied } = this.#state;
    if (pending !== undefined) {
      try {
        await this.#take(pending, undefined);
        return;
      } catch (error) {
        await this.#remember({ pending: undefined });
        this.#tellRefused(pending, error);
      }
    }
    // WHY also after a pending one that failed: it may have moved some names before the process ended.
    const mayHeal = this.#options.source !== undefined && this.#state.paused === undefined;
    if (applied === undefined || !(mayHeal || pending !== undefined)) return;
    await this.#heal(applied).catch((error: unknown) => this.#tellOnce(error, applied));
  }

  #schedule(tookMs = 0): void {
    const { timers = systemTimers, intervalMs = 5000 } = this.#options;
    if (this.#ending.signal.aborted) return;
    const waitMs = untilNextLook({ intervalMs, tookMs, isUnreachable: this.#unreachable !== undefined });
    this.#cancel = timers.after(waitMs, () => {
      const began = this.#now();
      void this.look().finally(() => this.#schedule(this.#now() - began));
    });
  }

  /** Looks at the source once, and does what follows from it. Never rejects. */
  look(): Promise<void> {
    // WHY a turn of its own: the source may be silent for long, and an operator who pauses the fleet then must not wait for it.
    return this.#turns.take('look', async () => {
      const { source } = this.#options;
      if (source === undefined || this.#ending.signal.aborted) return;
      try {
        await this.#observe(source);
        await this.#turns.take('', async () => this.#state.paused ?? this.#reconcile(source));
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        this.#tellOnce(error);
      }
    });
  }

  async #observe(source: FleetSource): Promise<void> {
    this.#lookingSince = this.#now();
    try {
      this.#head = await source.look(this.#ending.signal);
      if (this.#unreachable !== undefined)
        tellFleet('reachable', { commit: this.#head.commit, reason: source.description });
      this.#unreachable = undefined;
    } catch (error) {
      this.#ending.signal.throwIfAborted();
      if (this.#unreachable === undefined) tellFleet('unreachable', { error, reason: source.description });
      this.#unreachable = { error, since: this.#unreachable?.since ?? this.#now() };
    } finally {
      this.#lookingSince = undefined;
    }
  }

  async #reconcile(source: FleetSource): Promise<void> {
    const { applied } = this.#state;
    const head = this.#unreachable === undefined ? this.#head : undefined;
    if (head !== undefined && head.commit !== applied?.commit) {
      if (await this.#takeHead(source, head)) return;
    } else if (head !== undefined) {
      this.#refused = undefined;
      await this.#checked();
    }
    if (this.#state.applied !== undefined) await this.#heal(this.#state.applied);
  }

  /** The source says what is applied. */
  async #checked(): Promise<void> {
    const now = this.#now();
    this.#state = { ...this.#state, checkedAt: now };
    if (now - this.#checkWrittenAt < checkedEveryMs) return;
    this.#checkWrittenAt = now;
    await this.#record.write(this.#state);
  }

  /** @returns whether the state was taken */
  async #takeHead(source: FleetSource, head: SourceState): Promise<boolean> {
    const now = this.#now();
    const before = this.#refused?.commit === head.commit ? this.#refused : undefined;
    if (before !== undefined && now < before.retryAt) return false;
    const signal = this.#ending.signal;
    try {
      const text = await source.read(head, signal);
      this.#text = text;
      const snapshot = { ...head, source: source.description, text, appliedAt: now };
      const { staging } = this.#options.server;
      await this.#take(snapshot, (path) => source.open(path, { state: head, staging, signal }));
      this.#refused = undefined;
      this.#state = { ...this.#state, checkedAt: now };
      return true;
    } catch (error) {
      signal.throwIfAborted();
      await this.#remember({ pending: undefined });
      if (before === undefined || messageOf(before.error) !== messageOf(error)) this.#tellRefused(head, error);
      const { intervalMs = 5000 } = this.#options;
      const tries = (before?.tries ?? 0) + 1;
      const retryAt = now + Math.min(longestRetryMs, intervalMs * 2 ** Math.min(tries, 10));
      this.#refused = { ...head, error, refusedAt: before?.refusedAt ?? now, tries, retryAt };
      return false;
    }
  }

  /** Makes a snapshot the state of the server, in one transaction. */
  async #take(
    snapshot: FleetSnapshot,
    open: ((path: string) => Promise<OpenedPath | undefined>) | undefined,
  ): Promise<PreparedPlan> {
    const cause = causeOf(snapshot.commit, snapshot.source);
    const prepared = await this.#applier.apply(snapshot.text, {
      cause,
      open,
      attempts: this.#state.attempts,
      onVerified: () => this.#remember({ pending: snapshot }),
    });
    const attempts = { ...attemptsAfter(prepared, this.#state.attempts) };
    await this.#remember({ applied: snapshot, pending: undefined, attempts, checkedAt: this.#now() });
    const { moves, rollouts } = prepared.plan;
    const details = { moved: moves.length, rollouts: rollouts.length };
    tellFleet('applied', { commit: snapshot.commit, reason: reasonOf(snapshot), details });
    this.#toldDrift = '';
    await this.#plan(snapshot);
    return prepared;
  }

  /** Puts back what differs from what was applied. */
  async #heal(applied: FleetSnapshot): Promise<void> {
    const { attempts } = this.#state;
    const { plan } = await this.#plan(applied);
    if (!this.#tellDrift(plan.rows, applied) || isNothing(plan)) return;
    const cause = causeOf(applied.commit, applied.source);
    try {
      const done = await this.#applier.apply(applied.text, { cause, attempts, open: undefined });
      await this.#remember({ attempts: { ...attemptsAfter(done, attempts) } });
      await this.#plan(applied);
      tellFleet('restored', { commit: applied.commit, details: { moved: done.plan.moves.length } });
      this.#toldDrift = '';
      this.#toldTrouble = '';
    } catch (error) {
      this.#tellOnce(error, applied);
    }
  }

  /** The plan for what was applied. That there is none is remembered for the status. */
  async #plan({ text }: FleetSnapshot): Promise<PreparedPlan> {
    try {
      const prepared = await this.#applier.plan(text, this.#state.attempts);
      this.#problem = undefined;
      this.#rows = prepared.plan.rows;
      return prepared;
    } catch (error) {
      this.#problem = error;
      throw error;
    }
  }

  /** @returns whether something differs */
  #tellDrift(rows: readonly FleetRow[], { commit }: FleetSnapshot): boolean {
    if (!hasDrift(rows)) {
      this.#toldDrift = '';
      this.#toldTrouble = '';
      return false;
    }
    const different = rows.filter((row) => hasDrift([row]));
    const text = driftText(different);
    if (text !== this.#toldDrift) tellFleet('drift', { commit, reason: text, details: { names: different.length } });
    this.#toldDrift = text;
    return true;
  }

  #tellRefused(state: SourceState, error: unknown): void {
    tellFleet('refused', { commit: state.commit, error, result: 'refused', reason: reasonOf(state) });
  }

  /** A trouble that lasts is told of once. */
  #tellOnce(error: unknown, state?: SourceState): void {
    const text = messageOf(error);
    if (text === this.#toldTrouble) return;
    this.#toldTrouble = text;
    tellFleet('refused', { commit: state?.commit, error, reason: 'what differs cannot be put back' });
  }

  /**
   * What a manifest would change. Nothing is changed.
   * @throws EspalierError the errors of `FleetApplier.plan`
   */
  async diff(text: string): Promise<PreparedPlan & { readonly missing: readonly string[] }> {
    const prepared = await this.#applier.plan(text, this.#state.attempts);
    return { ...prepared, missing: await this.#applier.missing(prepared) };
  }

  /**
   * Applies a manifest by hand.
   * @throws EspalierError FLEET_FOLLOWED while a source is followed; the errors of `FleetApplier.apply`. Nothing was changed then.
   */
  apply(text: string, snapshot: Pick<FleetSnapshot, 'commit'> & { readonly by: string }): Promise<PreparedPlan> {
    return this.#turns.take('', async () => {
      const { source } = this.#options;
      if (source !== undefined && this.#state.paused === undefined) {
        throw new EspalierError('FLEET_FOLLOWED', { source: source.description });
      }
      const { commit, by: author } = snapshot;
      try {
        return await this.#take({ commit, author, source: byHand, text, appliedAt: this.#now() }, undefined);
      } catch (error) {
        await this.#remember({ pending: undefined });
        this.#tellRefused({ commit, author }, error);
        throw error;
      }
    });
  }

  /** Applies and puts back nothing until `resume`. */
  pause(cause: Cause): Promise<void> {
    return this.#turns.take('', async () => {
      this.#source();
      const { actor: by, reason } = cause;
      await this.#remember({ paused: { by, ...(reason !== undefined && { reason }), time: this.#now() } });
      tellFleet('paused', { actor: by, reason });
    });
  }

  /** Follows the source again, at once. What it refused is tried again. */
  async resume(cause: Cause): Promise<void> {
    await this.#turns.take('', async () => {
      this.#source();
      await this.#remember({ paused: undefined });
      this.#refused = undefined;
      tellFleet('resumed', cause);
    });
    await this.look();
  }

  #source(): FleetSource {
    const { source } = this.#options;
    if (source === undefined) throw new EspalierError('FLEET_MISSING', { problem: 'it follows no source (--fleet).' });
    return source;
  }

  /** What Git says beside what lives. */
  async status(): Promise<FleetStatus> {
    const { applied } = this.#state;
    await (applied && this.#plan(applied).catch(() => undefined));
    const shown = this.#problem === undefined ? this.#rows : [];
    const rows = await Promise.all(shown.map((row) => this.#withRemoval(row)));
    const status = { ...this.facts(), rows };
    return { ...status, sync: syncOf(status) };
  }

  /** What is known without a look at names. */
  facts(): Omit<FleetStatus, 'sync' | 'rows'> {
    const { applied, paused, checkedAt } = this.#state;
    return {
      source: this.#options.source?.description,
      applied,
      head: this.#head,
      refused: this.#refused,
      unreachable: this.#unreachable,
      lookingSeconds: this.#secondsSince(this.#lookingSince),
      paused,
      ageSeconds: this.#secondsSince(checkedAt),
      problem: this.#problem,
    };
  }

  #secondsSince(time: number | undefined): number | undefined {
    return time === undefined ? undefined : Math.max(0, this.#now() - time) / 1000;
  }

  /**
   * The names without which the server is not ready: those of the manifest that is applied. WHY those of one that is refused while none is
   * applied: a replica that is new must not get requests for what it has not got.
   */
  required(): readonly string[] {
    const text = this.#state.applied?.text ?? this.#text;
    if (text === undefined) return [];
    if (this.#required?.text !== text) this.#required = { text, names: this.#applier.required(text) };
    return this.#required.names;
  }

  /** How it stood at the last look. */
  lastLook(): FleetStatus {
    const status = { ...this.facts(), rows: this.#rows };
    return { ...status, sync: syncOf(status) };
  }

  async #withRemoval(row: FleetRow): Promise<FleetRow> {
    if (row.live !== undefined || row.kind !== 'missing') return row;
    const { name } = row;
    const changed = await this.#options.server.lastRemoval(name).catch(() => undefined);
    return {
      ...row,
      live: { name, version: undefined, pin: undefined, fallback: undefined, rollout: undefined, changed },
    };
  }

  async #remember(change: { readonly [Key in keyof FleetState]?: FleetState[Key] | undefined }): Promise<void> {
    const next = { ...this.#state, ...change };
    const kept = Object.fromEntries(Object.entries(next).filter(([, value]) => value !== undefined));
    const state: FleetState = { ...kept, format: 1, attempts: next.attempts ?? {} };
    await this.#record.write(state);
    this.#state = state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new EspalierError('DISPOSED', { name: 'the fleet' }));
    this.#cancel?.();
    await this.#turns.take('look', () => Promise.resolve());
    await this.#turns.take('', () => Promise.resolve());
  }
}
