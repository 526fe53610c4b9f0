import { EspalierError } from '../../core/index.ts';
import type { Admission, Admitted, CallResult } from './breaker.ts';

/** Who answers for a version that may not: the version before it, the base, or nobody. */
export const fallbacks = ['previous', 'base', 'error'] as const;

export type Fallback = (typeof fallbacks)[number];

/** @throws EspalierError OPTION_INVALID */
export function readFallback(given: string): Fallback {
  const found = fallbacks.find((name) => name === given);
  if (found !== undefined) return found;
  throw new EspalierError('OPTION_INVALID', { name: 'fallback', expected: fallbacks.join(', '), actual: given });
}

/** What the response says when another version answered than the one that was asked for. */
export interface FallbackTaken {
  /** The version that should have answered. */
  readonly from: string;
  /** The version that answers; undefined for the base. */
  readonly to: string | undefined;
  readonly reason: 'breaker open' | 'call failed';
}

export type Answer =
  | {
      readonly kind: 'version';
      readonly version: string;
      readonly admitted: Admitted;
      readonly fallback?: FallbackTaken;
    }
  | { readonly kind: 'base'; readonly fallback: FallbackTaken }
  /** Nobody answers. `retryAt` is when the version may be admitted again, at the latest. */
  | { readonly kind: 'none'; readonly retryAt: number };

/** A version, and the breaker's word on it; `admit` is asked only if the version would answer. */
export interface Candidate {
  readonly version: string;
  admit(): Admission;
}

export interface AliasState {
  readonly fallback: Fallback;
  /** The version to which the name points, or to which a roll-out has assigned the request. */
  readonly chosen: Candidate;
  /** What answers by `previous`: the version before, or the stable one of a roll-out. */
  readonly previous: Candidate | undefined;
}

/**
 * Decides who answers a request. A fall-back is taken only as declared: without a version before, or with one that is refused as well,
 * `previous` is nobody, and never the base.
 */
export function decideAnswer(state: AliasState): Answer {
  const { version } = state.chosen;
  const admission = state.chosen.admit();
  if (admission.kind !== 'refuse') return { kind: 'version', version, admitted: admission };
  return fallBack(state, 'breaker open') ?? { kind: 'none', retryAt: admission.retryAt };
}

/** A call that did not succeed. */
export interface FailedCall {
  readonly outcome: CallResult['outcome'];
  /** Whether the client has received a byte of the answer. */
  readonly hasStreamed: boolean;
  /** Whether this was the second try already, on a fall-back. */
  readonly isRetry: boolean;
}

/**
 * Decides whether a request whose call failed is answered by the fall-back. Only a failure of the version is tried again, only once, and
 * only if the client has seen nothing of the first answer.
 * @returns undefined if the request fails
 */
export function decideRetry(state: AliasState, { outcome, hasStreamed, isRetry }: FailedCall): Answer | undefined {
  if (outcome !== 'failure' || hasStreamed || isRetry) return undefined;
  return fallBack(state, 'call failed');
}

function fallBack(
  { fallback, chosen, previous }: AliasState,
  reason: FallbackTaken['reason'],
): Exclude<Answer, { readonly kind: 'none' }> | undefined {
  const from = chosen.version;
  if (fallback === 'base') return { kind: 'base', fallback: { from, to: undefined, reason } };
  if (fallback === 'error' || previous === undefined || previous.version === from) return undefined;
  const admission = previous.admit();
  if (admission.kind === 'refuse') return undefined;
  const { version } = previous;
  return { kind: 'version', version, admitted: admission, fallback: { from, to: version, reason } };
}
