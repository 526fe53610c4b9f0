import { randomUUID } from 'node:crypto';
import {
  type Cause,
  type Clock,
  EspalierError,
  messageOf,
  publishAdapterEvent,
  systemClock,
  Turns,
} from '../../core/index.ts';
import {
  type AdapterControl,
  type AdapterInfo,
  type AdapterRegistry,
  type BreakerOptions,
  type BreakerState,
  BreakerTable,
  DeclaredFallbacks,
  type Fallback,
  type FallbackRecords,
  type HostWeights,
  type MoveOptions,
  type NoiseOptions,
  type NoiseRecords,
  NoiseRuns,
  type NoiseState,
  readBreakerOptions,
  readFallback,
  readRolloutOptions,
  readRolloutRecord,
  type RolloutMode,
  type RolloutOptions,
  type RolloutRecord,
  type RolloutRecords,
  RolloutRunner,
  type RolloutState,
  type RolloutSubject,
  VersionChoice,
  type VersionStore,
} from '../../routing/index.ts';
import { Quarantines } from './quarantines.ts';

export interface RolloutsOptions<Weights extends HostWeights> {
  readonly registry: AdapterRegistry<Weights>;
  /** Where the records are kept. Default: nowhere, so that a roll-out ends with the server. */
  readonly records?: RolloutRecords | undefined;
  readonly mode?: RolloutMode | undefined;
  /** Who answers for a version whose breaker is open, or whose call failed. Default: the version before. */
  readonly fallback?: Fallback | undefined;
  /** Where it is kept what was declared for single names. Default: nowhere, so that it ends with the server. */
  readonly fallbacks?: FallbackRecords | undefined;
  /** Where it is kept what versions were found to differ from themselves by. Default: nowhere. */
  readonly noises?: NoiseRecords | undefined;
  /** Of every roll-out that does not say otherwise. */
  readonly rollout?: RolloutOptions | undefined;
  readonly breaker?: BreakerOptions | undefined;
  readonly clock?: Clock | undefined;
}

/** What is known only after the store was opened. */
interface Begun {
  readonly control: Pick<AdapterControl, 'move' | 'describe'>;
  readonly store: VersionStore | undefined;
}

/** What an operator does with roll-outs. */
export interface RolloutControl {
  /**
   * Rolls a known version of a name out.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT, ADAPTER_VERSION_UNKNOWN, ADAPTER_PINNED, ADAPTER_QUARANTINED,
   *   ROLLOUT_ACTIVE, OPTION_UNKNOWN, OPTION_INVALID. Nothing was changed then.
   */
  start(name: string, candidate: string, options: StartOptions): Promise<RolloutState>;
  /** @throws EspalierError ROLLOUT_NOT_FOUND */
  status(name: string): RolloutState;
  list(): readonly RolloutState[];
  /** @throws EspalierError ROLLOUT_NOT_FOUND, ADAPTER_VERSION_CONFLICT */
  command(name: string, what: RolloutCommand, options: MoveOptions): Promise<RolloutState>;
  /**
   * Decides what becomes of a version that has come into a store.
   * @returns `keep` if it is rolled out by steps, and must not be activated
   * @throws EspalierError ADAPTER_QUARANTINED, ROLLOUT_ACTIVE while the end of an earlier roll-out is not done, and the errors of `start`
   */
  arrived(name: string, version: string, options?: MoveOptions): Promise<'activate' | 'keep'>;
  /**
   * Ends a roll-out that is not over. Of one that has failed, clears the candidate: it may be used again.
   * @throws EspalierError ROLLOUT_NOT_FOUND, ADAPTER_VERSION_CONFLICT
   */
  clear(name: string, options: MoveOptions): Promise<RolloutState>;
  /** The measurements of what versions differ from themselves by. */
  readonly noise: Pick<NoiseRuns, 'state' | 'forget'>;
  /**
   * Begins to measure what the version of a name differs from itself by.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_BEING_READ, ADAPTER_VERSION_CONFLICT, ROLLOUT_ACTIVE, OPTION_UNKNOWN, OPTION_INVALID
   */
  measureNoise(name: string, given: NoiseOptions, options: MoveOptions): NoiseState;
  fallbackOf(name: string): NameFallback;
  /**
   * Declares who answers for the versions of a name; undefined: who does for all names.
   * @throws EspalierError ADAPTER_NOT_FOUND, ADAPTER_VERSION_CONFLICT, and the errors of keeping it. Nothing was changed then.
   */
  declareFallback(name: string, fallback: Fallback | undefined, options: MoveOptions): Promise<void>;
}

/** Who answers for the versions of a name that fail. */
export interface NameFallback {
  readonly fallback: Fallback;
  /** Whether it was declared for this name; false: it is that of the server. */
  readonly isDeclared: boolean;
}

export type RolloutCommand = 'promote' | 'abort' | 'pause' | 'resume';

export interface StartOptions extends MoveOptions {
  readonly rollout?: RolloutOptions | undefined;
}

/**
 * Checks options before anything is opened for them.
 * @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID
 */
export function assertRolloutsOptions({
  fallback = 'previous',
  rollout,
  breaker,
}: Pick<RolloutsOptions<HostWeights>, 'fallback' | 'rollout' | 'breaker'> = {}): void {
  readFallback(fallback);
  readRolloutOptions(rollout);
  readBreakerOptions(breaker);
}

/** How often time passes for roll-outs. */
const tickMs = 1000;

const itself: Cause = { actor: 'rollout' };

/** The breakers and the roll-outs of a server: what they decide is done to its registry and its store. */
export class Rollouts<Weights extends HostWeights = HostWeights> implements RolloutControl, AsyncDisposable {
  /** Chooses who answers a request. */
  readonly choice: VersionChoice<Weights>;
  readonly #options: RolloutsOptions<Weights>;
  readonly #registry: AdapterRegistry<Weights>;
  readonly #breakers: BreakerTable;
  readonly #runner: RolloutRunner;
  readonly #quarantines: Quarantines;
  readonly noise: NoiseRuns;
  readonly #fallbacks: DeclaredFallbacks;
  readonly #turns = new Turns();
  /** The candidates that are kept, by name. */
  readonly #held = new Map<string, string>();
  readonly #begun: Promise<Begun>;
  readonly #saving = new Set<Promise<void>>();
  #begin: (begun: Begun) => void = () => undefined;
  #fail: (error: EspalierError) => void = () => undefined;
  #ticking: NodeJS.Timeout | undefined;

  /** @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID */
  constructor(options: RolloutsOptions<Weights>) {
    const { registry, clock = systemClock } = options;
    assertRolloutsOptions(options);
    this.#options = options;
    this.#registry = registry;
    this.#breakers = new BreakerTable(options.breaker);
    this.#begun = new Promise((resolve, reject) => {
      this.#begin = resolve;
      this.#fail = reject;
    });
    this.#begun.catch(() => undefined);
    this.#quarantines = new Quarantines(() => this.#begun.then(({ store }) => store));
    this.#breakers.onChange((version, { to }) => {
      if (to === 'open') this.#recallHistories(version);
    });
    this.noise = new NoiseRuns({ limits: readRolloutOptions(options.rollout).limits, records: options.noises });
    this.#runner = new RolloutRunner({
      noise: this.noise,
      breakers: this.#breakers,
      save: (alias, record) => this.#save(alias, record),
      promote: (subject) => this.#promote(subject),
      quarantine: ({ alias, candidate }, reason) => this.#quarantines.add(alias, candidate, reason),
      clock,
    });
    this.#fallbacks = new DeclaredFallbacks({ usual: options.fallback, records: options.fallbacks });
    const fallbackOf = (alias: string): Fallback => this.#fallbacks.of(alias);
    this.choice = new VersionChoice({ registry, runner: this.#runner, fallbackOf, clock });
  }

  /** Goes on with the roll-outs that were kept, when the names are served. Time passes from now on. */
  async begin(begun: Begun): Promise<void> {
    await this.#fallbacks.begin();
    await this.noise.begin();
    this.#begin(begun);
    for (const saved of (await this.#options.records?.read()) ?? []) await this.#restore(saved, begun);
    this.#ticking = setInterval(() => this.tick(), tickMs);
    this.#ticking.unref();
  }

  async #restore(saved: unknown, { store }: Begun): Promise<void> {
    try {
      if (saved instanceof Error) throw saved;
      const { state, isSettled } = readRolloutRecord(saved);
      const problem = isSettled ? undefined : await this.#holdAgain(state, store);
      this.#runner.restore(saved);
      if (problem !== undefined) await this.#runner.command(state.alias, 'abort', { ...itself, reason: problem });
    } catch (error) {
      publishAdapterEvent({ event: 'rollout', actor: itself.actor, error });
    }
  }

  /** @returns why the candidate cannot be had any more */
  async #holdAgain({ alias, candidate }: RolloutState, store: VersionStore | undefined): Promise<string | undefined> {
    try {
      await this.#hold(alias, candidate, store);
      return undefined;
    } catch (error) {
      return `the candidate cannot be read: ${messageOf(error)}`;
    }
  }

  start(name: string, candidate: string, options: StartOptions): Promise<RolloutState> {
    return this.#turns.take(name, () => this.#start(name, candidate, options));
  }

  async #start(name: string, candidate: string, options: StartOptions): Promise<RolloutState> {
    const { cause } = options;
    const stable = this.#expect(name, options);
    const rollout = this.#withFloor(name, stable, options.rollout);
    readRolloutOptions(rollout);
    if (this.#runner.isActive(name)) throw new EspalierError('ROLLOUT_ACTIVE', { name });
    const { store } = await this.#begun;
    await this.#quarantines.assertFree(name, candidate);
    await this.#hold(name, candidate, store);
    try {
      // What was expected must still be so: holding may have taken a while.
      this.#expect(name, { ...options, expectedVersion: stable });
      await this.#runner.start({ id: randomUUID(), alias: name, stable, candidate }, rollout, cause);
    } catch (error) {
      this.#release(name);
      throw error;
    }
    return this.#runner.status(name);
  }

  measureNoise(name: string, given: NoiseOptions, options: MoveOptions): NoiseState {
    const { version } = this.#expectNamed(name, options);
    if (version === undefined) throw new EspalierError('ADAPTER_BEING_READ', { name });
    if (this.#runner.isActive(name)) throw new EspalierError('ROLLOUT_ACTIVE', { name });
    return this.noise.start(name, version, given, options.cause);
  }

  /** The state of each version's breaker that was called. */
  breakers(): readonly { readonly version: string; readonly state: BreakerState }[] {
    return this.#breakers.list((this.#options.clock ?? systemClock).now());
  }

  fallbackOf(name: string): NameFallback {
    return { fallback: this.#fallbacks.of(name), isDeclared: this.#fallbacks.has(name) };
  }

  async declareFallback(name: string, fallback: Fallback | undefined, options: MoveOptions): Promise<void> {
    this.#expectNamed(name, options);
    await this.#fallbacks.declare(name, fallback, options.cause);
  }

  /** What was measured for the stable version counts, unless the caller says something else. */
  #withFloor(name: string, stable: string, given: RolloutOptions | undefined): RolloutOptions | undefined {
    const usual = given ?? this.#options.rollout;
    const noise = given?.noise ?? this.noise.floorOf(name, stable)?.noise;
    return noise === undefined ? usual : { ...usual, noise };
  }

  /** The version of a name that may be moved. */
  #expect(name: string, { expectedVersion, isNew }: MoveOptions): string {
    const { version, pin } = this.#expectNamed(name, { expectedVersion, isNew });
    if (pin !== undefined) throw new EspalierError('ADAPTER_PINNED', { name, by: pin.actor });
    if (version === undefined) throw new EspalierError('ADAPTER_BEING_READ', { name });
    return version;
  }

  #expectNamed(name: string, { expectedVersion, isNew }: MoveOptions): AdapterInfo {
    const info = this.#registry.info(name);
    if (isNew !== true && (expectedVersion === undefined || expectedVersion === info.version)) return info;
    const [expected, actual] = [expectedVersion ?? 'none', info.version ?? info.state];
    throw new EspalierError('ADAPTER_VERSION_CONFLICT', { name, expected, actual });
  }

  status(name: string): RolloutState {
    return this.#runner.status(name);
  }

  list(): readonly RolloutState[] {
    return this.#runner.list();
  }

  async command(name: string, what: RolloutCommand, options: MoveOptions): Promise<RolloutState> {
    this.#runner.status(name);
    this.#expectVersion(name, options);
    await this.#runner.command(name, what, options.cause ?? itself);
    return this.#runner.status(name);
  }

  async clear(name: string, options: MoveOptions): Promise<RolloutState> {
    const state = this.#runner.status(name);
    if (this.#runner.isActive(name)) return this.command(name, 'abort', options);
    this.#expectVersion(name, options);
    await this.#quarantines.clear(name, state.candidate);
    return state;
  }

  #expectVersion(name: string, options: MoveOptions): void {
    if (options.expectedVersion !== undefined || options.isNew === true) this.#expect(name, options);
  }

  async arrived(
    name: string,
    version: string,
    options: MoveOptions = { cause: { ...itself, reason: 'a new version came' } },
  ): Promise<'activate' | 'keep'> {
    if (this.#options.mode !== 'progressive' || !this.#registry.has(name)) return 'activate';
    const { version: present, pin } = this.#registry.info(name);
    if (present === undefined || present === version || pin !== undefined) return 'activate';
    this.#expectVersion(name, options);
    if (this.#runner.isActive(name)) {
      if (this.#runner.status(name).candidate === version) return 'keep';
      await this.command(name, 'abort', { cause: { ...itself, reason: 'a newer version came' } });
    }
    await this.start(name, version, options);
    return 'keep';
  }

  /** Lets time pass. Called by itself once a second. */
  tick(): void {
    for (const { alias, stable, phase } of this.#runner.list()) {
      if (phase.kind !== 'running' && phase.kind !== 'paused') continue;
      const isServed = this.#registry.has(alias) && this.#registry.info(alias).version === stable;
      if (isServed) continue;
      const reason = `${alias} no longer has the stable version`;
      void this.#runner.command(alias, 'abort', { ...itself, reason }).catch(() => undefined);
    }
    this.#runner.tick();
  }

  async #hold(name: string, candidate: string, store: VersionStore | undefined): Promise<void> {
    await this.#registry.held.hold(name, (await store?.find(candidate)) ?? candidate);
    this.#release(name);
    this.#held.set(name, candidate);
  }

  #release(name: string): void {
    const candidate = this.#held.get(name);
    this.#held.delete(name);
    if (candidate !== undefined) this.#registry.held.release(name, candidate);
  }

  async #save(alias: string, record: RolloutRecord): Promise<void> {
    if (record.isSettled && this.#held.get(alias) === record.state.candidate) this.#release(alias);
    const saving = this.#options.records?.write(alias, record);
    if (saving === undefined) return;
    this.#saving.add(saving);
    await saving.finally(() => this.#saving.delete(saving));
  }

  async #promote({ alias, stable, candidate }: RolloutSubject): Promise<void> {
    const { control } = await this.#begun;
    if (!this.#registry.has(alias) || this.#registry.info(alias).version !== stable) return;
    const { phase } = this.#runner.status(alias);
    const cause = { ...itself, ...(phase.kind === 'promoted' && { reason: phase.reason }) };
    await control.move(alias, candidate, { expectedVersion: stable, cause });
  }

  /** A store knows the versions before that earlier processes served. They are looked up when they may be needed. */
  #recallHistories(version: string): void {
    const names = this.#registry.list().filter((info) => info.version === version);
    for (const { name } of names) {
      void this.#begun.then(({ control }) => control.describe(name)).catch(() => undefined);
    }
  }

  /** Ends when what is being saved is on the disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new EspalierError('DISPOSED', { name: 'roll-outs' }));
    clearInterval(this.#ticking);
    this.#runner[Symbol.dispose]();
    this.#breakers[Symbol.dispose]();
    for (const name of this.#held.keys()) this.#release(name);
    await Promise.allSettled(this.#saving);
    await this.noise.settled();
  }
}
