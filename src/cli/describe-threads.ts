import type { ThreadPlan } from '../core/index.ts';

/**
 * The threads of the process, and what they were chosen by.
 * @param spinUs  microseconds that threads which compute wait in a busy loop
 */
export function describeThreads({ cores, cpuLimit, compute, hashing, pool }: ThreadPlan, spinUs: number): string {
  const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
  const limit = cpuLimit === undefined ? '' : ` with a limit of ${Number(cpuLimit.toFixed(2))}`;
  const spinning = compute > 1 && spinUs > 0 ? ` (${spinUs} µs in a busy loop before they sleep)` : '';
  const kinds = `${compute} to compute${spinning}, ${pool} for runs and files, ${hashing} to hash adapters, 1 for the event loop`;
  return `  Threads for ${counted(cores, 'core')}${limit}: ${kinds}`;
}
