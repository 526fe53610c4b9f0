import type { ArenaReport } from './adapters/engine-arena.ts';
import type { Schedulable, ScheduleState } from './schedule/schedule-state.ts';
import type { SequenceAdapters } from './adapters/sequence-adapters.ts';
import type { KvRoom } from './runner/kv-budget.ts';

/** What an engine has to do now. */
export interface EngineLoad {
  /** Sequences that can run at once. */
  readonly slots: number;
  /** Sequences that have a slot, and those that wait for one. */
  readonly running: number;
  readonly waiting: number;
  /** Share of the keys and values of all slots that is used, from 0 to 1. */
  readonly cacheUsage: number;
  /** Names of the adapters of these sequences, each once. */
  readonly runningAdapters: ReadonlySet<string>;
  readonly waitingAdapters: ReadonlySet<string>;
  /** The rows of the adapters that runs read; undefined if only the base is served. */
  readonly arena: ArenaReport | undefined;
}

interface Loaded extends Schedulable {
  readonly length: number;
  readonly ownAdapters: Pick<SequenceAdapters, 'named'>;
}

/** Reads from its schedule and its room what an engine has to do. */
export function engineLoad(
  { waiting, prefilling, running }: Pick<ScheduleState<Loaded>, 'waiting' | 'prefilling' | 'running'>,
  { slots, maxLength, arena }: Pick<KvRoom, 'slots' | 'maxLength'> & Pick<EngineLoad, 'arena'>,
): EngineLoad {
  const active = [...running, ...prefilling];
  const tokens = active.reduce((sum, { length }) => sum + length, 0);
  return {
    slots,
    running: active.length,
    waiting: waiting.length,
    cacheUsage: Math.min(1, tokens / (slots * maxLength)),
    runningAdapters: namesOf(active),
    waitingAdapters: namesOf(waiting),
    arena,
  };
}

function namesOf(sequences: readonly Loaded[]): Set<string> {
  return new Set(sequences.flatMap(({ ownAdapters }) => ownAdapters.named.map(({ name }) => name)));
}
