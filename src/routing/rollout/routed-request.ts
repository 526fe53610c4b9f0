import type { BreakerTable } from '../breaker/breaker-table.ts';
import type { CallResult } from '../breaker/breaker.ts';
import { decideRetry, type Answer, type AliasState } from '../breaker/fallback.ts';
import type { CallOutcome } from './call-outcome.ts';
import type { MirroredCall, Rollout, Side } from './rollout.ts';

/** How the call of a request ended. */
export type RequestEnd =
  | { readonly outcome: 'success'; readonly latencyMs: number }
  | { readonly outcome: Exclude<CallOutcome, 'success'> };

/** What a response says of a roll-out. */
export interface RolloutPart {
  readonly id: string;
  readonly side: Side;
}

export interface RoutedParts {
  readonly now: () => number;
  readonly breakers: BreakerTable;
  readonly state: AliasState;
  readonly answer: Answer;
  /** The roll-out to which the answer belongs, if there is one. */
  readonly rollout: Rollout | undefined;
  /** Who hears of the copy instead of the roll-out, if a version is compared with itself. */
  readonly noise?: Pick<Rollout, 'recordMirrored'> | undefined;
  /** The version that computes the request as well, unseen by the user. */
  readonly mirror: string | undefined;
  readonly isRetry: boolean;
}

/**
 * A request and who answers it. Its end is told once to the breaker of the version and to the roll-out. One that is disposed without an
 * end was cancelled, so that a probe's place is given back on every way in which a request can end.
 */
export class RoutedRequest implements Disposable {
  readonly answer: Answer;
  readonly mirror: string | undefined;
  readonly #parts: RoutedParts;
  #outcome: CallOutcome | undefined;

  constructor(parts: RoutedParts) {
    this.#parts = parts;
    this.answer = parts.answer;
    this.mirror = parts.mirror;
  }

  /** The roll-out to which the answer belongs, and which of its versions answers. */
  get part(): RolloutPart | undefined {
    const { rollout } = this.#parts;
    const { answer } = this;
    const side = answer.kind === 'version' ? sideOf(rollout, answer.version) : undefined;
    return rollout === undefined || side === undefined ? undefined : { id: rollout.subject.id, side };
  }

  /** Whether the version has yet to show that it can answer: a candidate, or the probe of a breaker. */
  get isTrial(): boolean {
    const { answer } = this;
    return answer.kind === 'version' && (answer.admitted.kind === 'probe' || this.part?.side === 'candidate');
  }

  /** Whether a failed call may be answered by another version. */
  get mayRetry(): boolean {
    const { state, isRetry } = this.#parts;
    const { fallback, chosen, previous } = state;
    if (isRetry || this.answer.kind !== 'version' || this.answer.version !== chosen.version) return false;
    if (fallback === 'base') return true;
    return fallback === 'previous' && previous !== undefined && previous.version !== chosen.version;
  }

  end(end: RequestEnd): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = end.outcome;
    const { answer } = this;
    if (answer.kind !== 'version') return;
    const { breakers, rollout, now } = this.#parts;
    const at = now();
    breakers.record(answer.version, answer.admitted, resultOf(end), at);
    const side = sideOf(rollout, answer.version);
    if (side !== undefined) rollout?.recordAnswer(side, end, at);
  }

  /**
   * Who answers after this call has failed; undefined if the request fails.
   * @param hasStreamed  whether the client has received a byte
   */
  retry(hasStreamed: boolean): RoutedRequest | undefined {
    const { state, isRetry } = this.#parts;
    const outcome = resultOf({ outcome: this.#outcome ?? 'cancelled' }).outcome;
    const answer = decideRetry(state, { outcome, hasStreamed, isRetry });
    if (answer === undefined) return undefined;
    return new RoutedRequest({ ...this.#parts, answer, mirror: undefined, noise: undefined, isRetry: true });
  }

  /** Tells the roll-out how the mirrored run ended. Its breaker is not told: no user waited for it. */
  recordMirrored(call: MirroredCall): void {
    const { noise, rollout, now } = this.#parts;
    if (this.mirror !== undefined) (noise ?? rollout)?.recordMirrored(call, now());
  }

  [Symbol.dispose](): void {
    this.end({ outcome: 'cancelled' });
  }
}

function sideOf(rollout: Rollout | undefined, version: string): Side | undefined {
  if (version === rollout?.subject.candidate) return 'candidate';
  return version === rollout?.subject.stable ? 'stable' : undefined;
}

function resultOf(end: { readonly outcome: CallOutcome; readonly latencyMs?: number }): CallResult {
  if (end.outcome === 'success') return { outcome: 'success', latencyMs: end.latencyMs ?? 0 };
  return { outcome: end.outcome === 'cancelled' ? 'cancelled' : 'failure' };
}
