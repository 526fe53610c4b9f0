import { readNumbers, type NumbersGiven, type NumericOption } from '../numeric-options.ts';

const second = 1000;
const day = 86_400 * second;

const options = {
  /** Only calls that ended within this time count. */
  windowMs: { fallback: 60 * second, least: second, most: day },
  /** With fewer calls in the window, nothing trips. */
  minimumRequests: { fallback: 10, least: 1, most: 1e9, isWhole: true },
  /** Share of failed calls that must be exceeded. */
  failureRate: { fallback: 0.5, least: 0, most: 1 },
  /** The percentile of latency that is compared, as a share. */
  percentile: { fallback: 0.95, least: 0.01, most: 0.9999 },
  /** How many times the baseline that percentile must exceed. */
  latencyRatio: { fallback: 1.2, least: 0.01, most: 1e6 },
  /** Successful calls that make a baseline. */
  baselineRequests: { fallback: 50, least: 1, most: 1e9, isWhole: true },
  /** How long a version is refused after the first trip. */
  coolDownMs: { fallback: 30 * second, least: 1, most: day },
  /** Each further trip multiplies the time by this. */
  coolDownGrowth: { fallback: 2, least: 1, most: 100 },
  /** The time grows no further than this. */
  coolDownLimitMs: { fallback: 300 * second, least: 1, most: day },
  /** Calls that must succeed, one after the other, before the version is served again. */
  probes: { fallback: 3, least: 1, most: 1000, isWhole: true },
  /** A probe without a result after this time has failed. */
  probeTimeoutMs: { fallback: 60 * second, least: 1, most: day },
} as const satisfies Record<string, NumericOption>;

type Name = keyof typeof options;

/** Options of a breaker. The values in `breaker-options.ts` are the defaults. */
export type BreakerOptions = NumbersGiven<Name>;

export type BreakerSettings = Readonly<Record<Name, number>>;

/** @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID */
export function readBreakerOptions(given: BreakerOptions = {}): BreakerSettings {
  const settings = readNumbers('a breaker', options, given);
  // A limit below the first cool-down would be one that nobody meant.
  return { ...settings, coolDownLimitMs: Math.max(settings.coolDownLimitMs, settings.coolDownMs) };
}
