import { createMirrorEvidence, addComparison, mirrorLimits, noiseOf } from './evidence.ts';
import { addSample, createMoments, type Moments } from './moments.ts';
import type { Comparison } from './request-comparison.ts';
import { type Noise, readRolloutOptions, type RolloutLimits } from './rollout-settings.ts';
import type { MirroredCall } from './rollout.ts';
import { readNumbers, type NumbersGiven, type NumericOption } from '../numeric-options.ts';

const options = {
  /** Requests that are compared. More make the floor lower, since it holds what they leave open. */
  samples: { fallback: 200, least: 20, most: 1e6, isWhole: true },
  /** Share of the requests that is mirrored. */
  share: { fallback: 0.1, least: 0.001, most: 1 },
} as const satisfies Record<string, NumericOption>;

export type NoiseOptions = NumbersGiven<keyof typeof options>;

/** What a version differs from itself by, as it was measured. */
export interface NoiseFloor {
  readonly version: string;
  readonly noise: Noise;
  /** Requests that were compared, and those that failed and were left out. */
  readonly samples: number;
  readonly failures: number;
  /** Means of what was seen; the floor is above them by what the samples leave open. */
  readonly observed: { readonly divergence: number; readonly agreement: number; readonly entropy: number };
  /** ISO 8601, in UTC. */
  readonly time: string;
}

/**
 * An A/A run: a version is compared with itself on requests that it has answered, as a candidate is with the stable version. What differs
 * then is not the candidate's doing: rows of other batches are summed in another order. Pure state.
 */
export class NoiseRun {
  readonly version: string;
  readonly wanted: number;
  readonly #share: number;
  readonly #limits: RolloutLimits;
  readonly #evidence = createMirrorEvidence();
  readonly #entropy: Moments = createMoments();
  #requests = 0;
  #failures = 0;

  /** @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID */
  constructor(version: string, given: NoiseOptions = {}, limits: RolloutLimits = readRolloutOptions().limits) {
    const { samples, share } = readNumbers('a measurement of noise', options, given);
    this.version = version;
    this.wanted = samples;
    this.#share = share;
    this.#limits = limits;
  }

  get samples(): number {
    return this.#evidence.divergence.count;
  }

  get failures(): number {
    return this.#failures;
  }

  get isDone(): boolean {
    return this.samples >= this.wanted;
  }

  /** Whether the next request is mirrored: evenly, so that the share is kept over few requests too. */
  takes(): boolean {
    const before = Math.floor(this.#requests * this.#share);
    return Math.floor(++this.#requests * this.#share) > before && !this.isDone;
  }

  record({ outcome, hasStableFailed, comparison }: MirroredCall): void {
    if (outcome === 'cancelled' || this.isDone) return;
    if (outcome !== 'success' || hasStableFailed || comparison === undefined) this.#failures++;
    else this.#add(comparison);
  }

  #add(comparison: Comparison): void {
    addComparison(this.#evidence, comparison, mirrorLimits(this.#limits, noNoise));
    addSample(this.#entropy, Math.abs(comparison.candidateEntropy - comparison.stableEntropy));
  }

  /** What was found so far. @param time  ISO 8601 */
  floor(time: string): NoiseFloor {
    const { divergence, agreement } = this.#evidence;
    return {
      version: this.version,
      noise: noiseOf(this.#evidence, this.#entropy, this.#limits),
      samples: this.samples,
      failures: this.#failures,
      observed: { divergence: divergence.mean, agreement: agreement.mean, entropy: this.#entropy.mean },
      time,
    };
  }
}

const noNoise: Noise = { divergence: 0, agreement: 1, entropy: 0 };
