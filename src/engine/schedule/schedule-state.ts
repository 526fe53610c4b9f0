import { createFlow, type Flow, type FlowPath } from './flows.ts';

/** Where a sequence stands. */
export type SequenceState =
  /** In the queue for the first time. */
  | { readonly kind: 'waiting' }
  /** `done` tokens of its prompt lie in the slot. */
  | { readonly kind: 'prefilling'; readonly slot: number; readonly done: number }
  | { readonly kind: 'running'; readonly slot: number }
  /** In the queue again: it has run, and its slot was taken from it. */
  | { readonly kind: 'preempted' }
  | { readonly kind: 'finished'; readonly how: SequenceEnd };

export type SequenceEnd = 'finished' | 'cancelled' | 'failed';

/** Background sequences run where no others want the slots, and give them up. */
export type SequenceClass = 'foreground' | 'background';

/** What the schedule knows of a sequence: counts, never tokens, weights or time. */
export interface Schedulable {
  readonly id: number;
  readonly class: SequenceClass;
  /** To whom its work is counted: the caller, then ever smaller parts of what the caller asks for. */
  readonly path: FlowPath;
  /** Tokens to run before the next one is drawn. */
  readonly promptLength: number;
  /** Most tokens of this prompt in one run, where they are fewer than of others. */
  readonly chunk?: number | undefined;
  /** False while something that its runs need is not in place yet; others pass it meanwhile. */
  readonly isReady: boolean;
  state: SequenceState;
}

export interface ScheduleLimits {
  readonly slots: number;
  /** Most prompt tokens in one run, and between two decode steps. Long prompts go in such chunks, so that streams keep going. */
  readonly prefillChunk: number;
  /** Most prefill runs between two decode steps. */
  readonly prefillRuns: number;
}

/**
 * Running sequences own the slots [0, running.length), so that a decode batch is a prefix of the slots. A hole that one leaves is
 * filled from the end. A prompt of several chunks is run in the last slot, out of the way, and joins the others when it is done.
 */
export interface ScheduleState<S extends Schedulable> {
  readonly limits: ScheduleLimits;
  /** Those that ran before come first, then in the order of arrival. */
  readonly waiting: S[];
  /** At most one of several chunks, and one of a single chunk while that runs. */
  readonly prefilling: S[];
  /** By slot. */
  readonly running: S[];
  /** What was spent on prefill since the last decode step. */
  readonly spent: { tokens: number; runs: number };
  /** Whether the last prefill run took a sequence from the queue: then one that was begun before is next. */
  beganLast: boolean;
  /** The callers, and what each was given. */
  readonly callers: Flow;
  readonly flows: Map<number, readonly Flow[]>;
}

/** The keys and values of a sequence are to be moved, or copied, to another slot before the next run. */
export interface SlotMove<S> {
  readonly sequence: S;
  readonly from: number;
  readonly to: number;
}

export function createSchedule<S extends Schedulable>(limits: ScheduleLimits): ScheduleState<S> {
  return {
    limits,
    waiting: [],
    prefilling: [],
    running: [],
    spent: { tokens: 0, runs: 0 },
    beganLast: false,
    callers: createFlow(),
    flows: new Map(),
  };
}
