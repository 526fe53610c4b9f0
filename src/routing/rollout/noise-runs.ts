import { z } from 'zod';
import { type Cause, EspalierError, publishAdapterEvent, Turns } from '../../core/index.ts';
import { type NoiseFloor, type NoiseOptions, NoiseRun } from './noise-run.ts';
import type { RolloutLimits } from './rollout-settings.ts';
import type { MirroredCall } from './rollout.ts';

/** Where the floors of names are kept. */
export interface NoiseRecords {
  /** What was written last, by name; undefined if nothing was. */
  read(): Promise<unknown>;
  write(floors: Readonly<Record<string, NoiseFloor>>): Promise<void>;
}

export interface NoiseRunsOptions {
  readonly limits?: RolloutLimits | undefined;
  /** Default: floors are known as long as the server runs. */
  readonly records?: NoiseRecords | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

/** What is known of the noise of a name. */
export interface NoiseState {
  /** The measurement that goes on. */
  readonly running: Pick<NoiseRun, 'version' | 'wanted' | 'samples' | 'failures'> | undefined;
  readonly floor: NoiseFloor | undefined;
}

const itself: Cause = { actor: 'rollout' };

/** The A/A runs of all names, one a name, and the floors that they have found. */
export class NoiseRuns {
  readonly #options: NoiseRunsOptions;
  readonly #now: () => number;
  readonly #running = new Map<string, NoiseRun>();
  readonly #floors = new Map<string, NoiseFloor>();
  readonly #turns = new Turns();

  constructor(options: NoiseRunsOptions = {}) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Reads the floors that were found before. What cannot be read is told, and is measured anew. */
  async begin(): Promise<void> {
    try {
      const kept = schema.parse((await this.#options.records?.read()) ?? {});
      for (const [alias, floor] of Object.entries(kept)) this.#floors.set(alias, floor);
    } catch (error) {
      publishAdapterEvent({ event: 'noise', ...itself, error, reason: 'the floors that were found are not known' });
    }
  }

  /**
   * Begins to compare a version with itself. A measurement of the name that goes on ends.
   * @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID
   */
  start(alias: string, version: string, given: NoiseOptions = {}, cause: Cause = itself): NoiseState {
    const run = new NoiseRun(version, given, this.#options.limits);
    this.#running.set(alias, run);
    publishAdapterEvent({ event: 'noise', ...cause, name: alias, version, details: { wanted: run.wanted } });
    return this.state(alias);
  }

  /** Ends the measurement of a name, and forgets its floor. */
  async forget(alias: string, cause: Cause = itself): Promise<void> {
    const isKnown = this.#running.delete(alias) || this.#floors.has(alias);
    if (this.#floors.delete(alias)) await this.#save();
    if (isKnown) publishAdapterEvent({ event: 'noise', ...cause, name: alias, details: { isForgotten: true } });
  }

  state(alias: string): NoiseState {
    return { running: this.#running.get(alias), floor: this.#floors.get(alias) };
  }

  /** The floor of a version; undefined if it was not measured, or another version was. */
  floorOf(alias: string, version: string): NoiseFloor | undefined {
    const floor = this.#floors.get(alias);
    return floor?.version === version ? floor : undefined;
  }

  /**
   * Who hears of the copy of a request that a version answers; undefined if it is not mirrored for this. A measurement of a version
   * that the name has no more ends.
   */
  takes(alias: string, version: string): { recordMirrored(call: MirroredCall): void } | undefined {
    const run = this.#running.get(alias);
    if (run === undefined) return undefined;
    if (run.version !== version) {
      this.#running.delete(alias);
      const error = new EspalierError('NOISE_VERSION_GONE', { name: alias, version: run.version });
      publishAdapterEvent({ event: 'noise', ...itself, name: alias, version: run.version, error });
      return undefined;
    }
    return run.takes() ? { recordMirrored: (call) => this.#record(alias, run, call) } : undefined;
  }

  #record(alias: string, run: NoiseRun, call: MirroredCall): void {
    if (this.#running.get(alias) !== run) return;
    run.record(call);
    if (!run.isDone) return;
    this.#running.delete(alias);
    const floor = run.floor(new Date(this.#now()).toISOString());
    this.#floors.set(alias, floor);
    const { samples, noise, version } = floor;
    publishAdapterEvent({ event: 'noise', ...itself, name: alias, version, details: { samples, ...noise } });
    this.#save().catch((error: unknown) => {
      publishAdapterEvent({ event: 'noise', ...itself, name: alias, version, error, reason: 'the floor is not kept' });
    });
  }

  #save(): Promise<void> {
    return this.#turns.take('', async () => this.#options.records?.write(Object.fromEntries(this.#floors)));
  }

  /** Resolves when what was found is kept, or cannot be. */
  async settled(): Promise<void> {
    await this.#turns.take('', async () => undefined);
  }
}

const amount = z.number().nonnegative();
const values = z.strictObject({ divergence: amount, agreement: amount, entropy: amount });
const schema = z.record(
  z.string(),
  z.strictObject({
    version: z.string(),
    noise: values,
    samples: amount,
    failures: amount,
    observed: values,
    time: z.string(),
  }),
);
