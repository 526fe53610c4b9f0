import { leastKvBudget } from '../engine/index.ts';
import { leastAdapterMemory } from '../routing/index.ts';

/** Bytes of memory that a server was given for its parts; what is undefined gets its share of what is available. */
export interface GivenMemory {
  /** For the keys and values of running requests. */
  readonly kv?: number | undefined;
  /** For the keys and values of prompts that have run. Undefined for an eighth of what all running requests can take. */
  readonly prefixCache?: number | undefined;
  /** For the weights of adapters. */
  readonly adapters?: number | undefined;
  /** For each training, and how many train at once. Undefined for a server without jobs. */
  readonly jobs?: { readonly memory?: number | undefined; readonly maxJobs?: number | undefined } | undefined;
}

/** What the parts of a server may take, in bytes. */
export interface MemoryShares {
  /** What the process could allocate when it decided. */
  readonly available: number;
  readonly kv: number;
  readonly adapters: number;
  /** For each training; undefined for a server without jobs. */
  readonly job: number | undefined;
}

/** Parts of what is available. Kept prompts take up to an eighth of `kv` besides; the base and its runs need the rest. */
const usual = { kv: 1 / 2, adapters: 1 / 4, jobs: 0 } as const;
/** WHY a quarter for all trainings together: the two others, each smaller by a quarter, leave it. */
const besideJobs = { kv: 3 / 8, adapters: 3 / 16, jobs: 1 / 4 } as const;
/** Of the keys and values of running requests. */
const promptPart = 1 / 8;
/** WHY: a training with less cannot begin. Node and ONNX Runtime take a part of it. */
const leastJob = 512 * 2 ** 20;

/**
 * Shares what is available among the parts for which nothing was given, so that all of them together, filled to the last byte, fit. Where
 * much was given, the others share what that leaves. Numbers that were given are believed, and no share is smaller than what a part needs
 * at least.
 */
export function shareMemory(available: number, given: GivenMemory): MemoryShares {
  const trainings = given.jobs === undefined ? 0 : (given.jobs.maxJobs ?? 1);
  const parts = trainings === 0 ? usual : besideJobs;
  const perKv = given.prefixCache === undefined ? 1 + promptPart : 1;
  const needs = [
    { given: given.kv, share: parts.kv, times: perKv },
    { given: given.prefixCache, share: 0, times: 1 },
    { given: given.adapters, share: parts.adapters, times: 1 },
    { given: given.jobs?.memory, share: parts.jobs / Math.max(1, trainings), times: trainings },
  ];
  const taken = sum(needs.map((need) => (need.given ?? 0) * need.times));
  const open = sum(needs.map((need) => (need.given === undefined ? need.share * need.times : 0)));
  const scale = Math.min(available, Math.max(0, available - taken) / open);
  const shareOf = (share: number, least: number): number => Math.max(least, Math.floor(share * scale));
  return {
    available,
    kv: given.kv ?? shareOf(parts.kv, leastKvBudget),
    adapters: given.adapters ?? shareOf(parts.adapters, leastAdapterMemory),
    job: trainings === 0 ? undefined : (given.jobs?.memory ?? shareOf(parts.jobs / trainings, leastJob)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
