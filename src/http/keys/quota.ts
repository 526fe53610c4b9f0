import { type Clock, EspalierError, systemClock } from '../../core/index.ts';
import { TokenBucket } from './token-bucket.ts';

/** How much a key may ask in a minute. Absent: any amount. */
export interface QuotaLimits {
  /** Requests that compute. */
  readonly requestsPerMinute?: number | undefined;
  /** Tokens of prompts and answers together. */
  readonly tokensPerMinute?: number | undefined;
}

interface Measure {
  /** The word in the names of headers, as OpenAI's API has them. */
  readonly of: 'requests' | 'tokens';
  readonly bucket: TokenBucket;
}

/**
 * What a key has left of its limits.
 *
 * A request is taken from the limit when it comes. Its tokens are taken as they become known: those of the prompt when it begins, those
 * of the answer when it ends. So a key may overdraw its tokens by what it has under way, and then waits until they are made up for.
 */
export class Quota {
  readonly limits: QuotaLimits;
  readonly #name: string;
  readonly #requests: TokenBucket | undefined;
  readonly #tokens: TokenBucket | undefined;

  constructor(name: string, limits: QuotaLimits, clock: Clock = systemClock) {
    this.#name = name;
    this.limits = limits;
    const bucket = (perMinute: number | undefined): TokenBucket | undefined =>
      perMinute === undefined ? undefined : new TokenBucket(perMinute, clock);
    this.#requests = bucket(limits.requestsPerMinute);
    this.#tokens = bucket(limits.tokensPerMinute);
  }

  /** Takes a request. @throws EspalierError RATE_LIMITED, and nothing is taken then */
  admit(): void {
    for (const { of, bucket } of this.#measures()) {
      const ms = bucket.msUntil(1);
      if (ms === 0) continue;
      throw new EspalierError('RATE_LIMITED', {
        key: this.#name,
        of,
        limit: bucket.perMinute,
        retryAfterSeconds: Math.max(1, Math.ceil(ms / 1000)),
      });
    }
    this.#requests?.take(1);
  }

  /** Takes tokens that were read or generated. */
  charge(tokens: number): void {
    this.#tokens?.take(tokens);
  }

  /** What OpenAI's API says of limits in the headers of every answer. */
  headers(): Record<string, string> {
    const headers: Record<string, string> = {};
    for (const { of, bucket } of this.#measures()) {
      headers[`x-ratelimit-limit-${of}`] = String(bucket.perMinute);
      headers[`x-ratelimit-remaining-${of}`] = String(Math.max(0, Math.floor(bucket.level)));
      headers[`x-ratelimit-reset-${of}`] = `${(bucket.msUntil(bucket.perMinute) / 1000).toFixed(3)}s`;
    }
    return headers;
  }

  #measures(): Measure[] {
    return [
      ...(this.#requests ? [{ of: 'requests', bucket: this.#requests } as const] : []),
      ...(this.#tokens ? [{ of: 'tokens', bucket: this.#tokens } as const] : []),
    ];
  }
}

/** Whether two keys have the same limits, so that what is left of one is left of the other. */
export function sameLimits(one: QuotaLimits, other: QuotaLimits): boolean {
  return one.requestsPerMinute === other.requestsPerMinute && one.tokensPerMinute === other.tokensPerMinute;
}
