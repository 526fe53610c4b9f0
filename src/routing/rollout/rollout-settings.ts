import { EspalierError } from '../../core/index.ts';
import { readNumbers, type NumbersGiven, type NumericOption } from '../numeric-options.ts';

const second = 1000;
const year = 365 * 86_400 * second;

const stepOptions = {
  /** Share of the keys that the candidate answers. */
  share: { fallback: 0, least: 0, most: 1 },
  /** Share of the requests that the stable version answers and that are run on the candidate as well, unseen by users. */
  mirror: { fallback: 0, least: 0, most: 1 },
  /** The step lasts at least so long. */
  minimumMs: { fallback: 60 * second, least: 0, most: year },
  /** A step without a verdict is held after this time, for a person to decide. */
  maximumMs: { fallback: 86_400 * second, least: 1, most: year },
  /** Calls of the candidate in this step before it can be successful. */
  minimumSamples: { fallback: 200, least: 20, most: 1e9, isWhole: true },
} as const satisfies Record<string, NumericOption>;

const limitOptions = {
  /** Mean divergence in nats a position, above the noise floor. */
  divergence: { fallback: 0.5, least: 1e-6, most: 1e3 },
  /** Share of the positions at which both versions find the same token likeliest, of the noise floor's. */
  agreement: { fallback: 0.6, least: 0, most: 1 },
  /** Mean entropy of the candidate, of the stable version's: below it, the candidate has collapsed. */
  entropyRatio: { fallback: 0.25, least: 0, most: 1 },
  /** How much larger the share of failed calls may be than the stable version's. */
  errorIncrease: { fallback: 0.02, least: 1e-6, most: 1 },
  /** Geometric mean of latency, of the stable version's. */
  latencyRatio: { fallback: 1.2, least: 1, most: 1e3 },
  /** So many failures among the last `hardWindow` calls roll back at once. */
  hardFailures: { fallback: 5, least: 1, most: 30, isWhole: true },
  hardWindow: { fallback: 20, least: 1, most: 30, isWhole: true },
  /** Probability that a candidate within all limits is rolled back by a verdict. */
  falseRollback: { fallback: 0.01, least: 1e-9, most: 0.25 },
  /** Probability that a step is successful although the candidate is beyond a limit. */
  falsePromotion: { fallback: 0.05, least: 1e-9, most: 0.25 },
} as const satisfies Record<string, NumericOption>;

const noiseOptions = {
  /** Divergence and agreement that the stable version has with itself (`noiseOf`). */
  divergence: { fallback: 0, least: 0, most: 100 },
  agreement: { fallback: 1, least: 0.01, most: 1 },
  /** How far the mean entropies of two runs of it lie apart, in nats. */
  entropy: { fallback: 0, least: 0, most: 100 },
} as const satisfies Record<string, NumericOption>;

export type RolloutStep = Readonly<Record<keyof typeof stepOptions, number>>;
export type RolloutLimits = Readonly<Record<keyof typeof limitOptions, number>>;
export type Noise = Readonly<Record<keyof typeof noiseOptions, number>>;

/** Options of a roll-out. The values in `rollout-settings.ts` are the defaults. */
export interface RolloutOptions {
  /** In order. The last one gives the candidate all keys. Default: shadow, 10 %, 100 %. */
  readonly steps?: readonly NumbersGiven<keyof typeof stepOptions>[] | undefined;
  readonly limits?: NumbersGiven<keyof typeof limitOptions> | undefined;
  readonly noise?: NumbersGiven<keyof typeof noiseOptions> | undefined;
}

export interface RolloutSettings {
  readonly steps: readonly RolloutStep[];
  readonly limits: RolloutLimits;
  readonly noise: Noise;
}

const defaultSteps: NonNullable<RolloutOptions['steps']> = [{ mirror: 0.1 }, { share: 0.1 }, { share: 1 }];

/** @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID */
export function readRolloutOptions(given: RolloutOptions = {}): RolloutSettings {
  const { steps: givenSteps = defaultSteps, limits = {}, noise = {} } = given;
  const steps = givenSteps.map((step) => readNumbers('a step of a roll-out', stepOptions, step));
  assertSteps(steps);
  return {
    steps,
    limits: readLimits(limits),
    noise: readNumbers('the noise of a roll-out', noiseOptions, noise),
  };
}

function readLimits(given: NonNullable<RolloutOptions['limits']>): RolloutLimits {
  const limits = readNumbers('the limits of a roll-out', limitOptions, given);
  if (limits.hardWindow < limits.hardFailures) {
    refuse('hardWindow', `at least hardFailures (${limits.hardFailures})`, `${limits.hardWindow}`);
  }
  return limits;
}

function assertSteps(steps: readonly RolloutStep[]): void {
  if (steps.length < 1 || steps.length > 20) refuse('steps', 'from 1 to 20 steps', `${steps.length}`);
  const shares = steps.map(({ share }) => share);
  if (shares.at(-1) !== 1) refuse('steps', 'a last step with the share 1', `${shares.at(-1)}`);
  // Without calls of the stable version there is nothing to compare with.
  if (shares[0] === 1) refuse('steps', 'a first step with a share below 1', '1');
  for (const [i, { share, mirror, minimumMs, maximumMs }] of steps.entries()) {
    const name = `steps[${i}]`;
    if (share < (shares[i - 1] ?? 0)) refuse('steps', 'shares that never become smaller', shares.join(', '));
    if (share === 0 && mirror === 0) refuse(name, 'a share or a mirrored share above 0', 'neither');
    if (share === 1 && mirror > 0) refuse(`${name}.mirror`, '0 where the candidate has all keys', `${mirror}`);
    if (maximumMs < minimumMs) refuse(`${name}.maximumMs`, `at least minimumMs (${minimumMs})`, `${maximumMs}`);
  }
}

function refuse(name: string, expected: string, actual: string): never {
  throw new EspalierError('OPTION_INVALID', { name, expected, actual });
}
