import { addSample, createMoments, type Moments } from './moments.ts';

/**
 * Latencies of both versions in the same stretches of time. A stretch goes from one answer to the first at which both versions have
 * answered. Plain data that JSON holds exactly.
 *
 * WHY not all answers of one version against all of the other: a machine that is busy for a moment makes dozens of answers slow at once,
 * mostly of the version that has most of the calls then.
 */
export interface PairedLatency {
  /** Mean logarithm of the candidate's latency minus that of the stable version's, one sample a stretch. */
  readonly differences: Moments;
  /** The stretch that goes on. */
  stable: LogSum;
  candidate: LogSum;
}

export interface LogSum {
  readonly count: number;
  readonly sum: number;
}

const nothing: LogSum = { count: 0, sum: 0 };

export function createPairedLatency(): PairedLatency {
  return { differences: createMoments(), stable: nothing, candidate: nothing };
}

/** @param log  logarithm of the latency of an answer */
export function addPaired(latency: PairedLatency, side: 'stable' | 'candidate', log: number): void {
  const { count, sum } = latency[side];
  latency[side] = { count: count + 1, sum: sum + log };
  const { stable, candidate } = latency;
  if (stable.count === 0 || candidate.count === 0) return;
  addSample(latency.differences, candidate.sum / candidate.count - stable.sum / stable.count);
  [latency.stable, latency.candidate] = [nothing, nothing];
}
