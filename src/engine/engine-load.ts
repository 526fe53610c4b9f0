import type { Schedulable, ScheduleState } from './schedule/schedule-state.ts';
import type { SequenceAdapters } from './adapters/sequence-adapters.ts';

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
  readonly arena: ArenaLoad | undefined;
}

export interface ArenaLoad {
  /** Rank rows, and how many of them belong to adapters of sequences. */
  readonly rows: number;
  readonly used: number;
  /** Versions that have rows. */
  readonly present: number;
  /** Versions that have got rows since the engine was opened. */
  readonly activations: number;
}

interface Loaded extends Schedulable {
  readonly length: number;
  readonly ownAdapters: Pick<SequenceAdapters, 'named'>;
}

/** @param maxLength  tokens of a slot */
export function engineLoad(
  { waiting, prefilling, running }: Pick<ScheduleState<Loaded>, 'waiting' | 'prefilling' | 'running'>,
  {
    slots,
    maxLength,
    arena,
  }: { readonly slots: number; readonly maxLength: number; readonly arena: ArenaLoad | undefined },
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
