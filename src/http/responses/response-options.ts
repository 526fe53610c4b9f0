import type { GivenLimits } from './store/response-store.ts';

/** How much is kept of what `/v1/responses` answers, as a server's options say it. */
export interface ResponseOptions {
  /** Responses of `/v1/responses` that are kept at once; 0: none. Default: 10,000. */
  readonly maxResponses?: number;
  /** Bytes of host memory for these responses. Default: 64 MiB. */
  readonly responseMemory?: number;
  /** Milliseconds for which a response is kept after its last use. Default: a day. */
  readonly responseAgeMs?: number;
}

export function responseLimitsOf({
  maxResponses: count,
  responseMemory: bytes,
  responseAgeMs: ageMs,
}: ResponseOptions): GivenLimits {
  return { count, bytes, ageMs };
}
