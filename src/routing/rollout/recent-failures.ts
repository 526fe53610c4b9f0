/** Whether each of the last calls failed, newest in the lowest bit; at most 30. */
export interface RecentCalls {
  bits: number;
}

export function addRecent(recent: RecentCalls, isFailure: boolean): void {
  recent.bits = ((recent.bits << 1) | (isFailure ? 1 : 0)) & 0x3fff_ffff;
}

/** Failures among the last `window` calls. @param window  at most 30 */
export function recentFailures({ bits }: RecentCalls, window: number): number {
  let count = 0;
  for (let left = bits & (2 ** window - 1); left !== 0; left &= left - 1) count++;
  return count;
}
