export interface LookFacts {
  /** From the beginning of one look to that of the next. */
  readonly intervalMs: number;
  /** How long the last look took. */
  readonly tookMs: number;
  readonly isUnreachable: boolean;
}

/** A source that answers at once with an error is not asked more often than that. */
const leastRetryMs = 2000;
/** Between the end of a look and the beginning of the next, whatever it took. */
const leastPauseMs = 100;

/**
 * How long until the next look, from the end of the last. WHY sooner while the source cannot be reached: whatever has refused, such as a
 * router that knows no way, may be gone right behind a look, and the fleet shall be that of Git within one interval of that.
 */
export function untilNextLook({ intervalMs, tookMs, isUnreachable }: LookFacts): number {
  const betweenMs = isUnreachable ? Math.min(intervalMs, Math.max(leastRetryMs, 0.4 * intervalMs)) : intervalMs;
  // WHY between bounds: the clock of the machine may have been set meanwhile.
  return Math.min(Math.max(betweenMs - tookMs, Math.min(leastPauseMs, betweenMs)), betweenMs);
}
