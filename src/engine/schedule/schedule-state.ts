import { createFlow, type Flow, type FlowPath } from './flows.ts';

/** The state of a sequence. */
export type SequenceState =
  /** In the queue for the first time. */
  | { readonly kind: 'waiting' }
  /** The first `done` tokens of its prompt are in the slot. */
  | { readonly kind: 'prefilling'; readonly slot: number; readonly done: number }
  | { readonly kind: 'running'; readonly slot: number }
  /** In the queue again: it has run, and lost its slot. */
  | { readonly kind: 'preempted' }
  | { readonly kind: 'finished'; readonly how: SequenceEnd };

export type SequenceEnd = 'finished' | 'cancelled' | 'failed';

/** Background sequences run only in slots that no other sequence wants, and give them up to others. */
export type SequenceClass = 'foreground' | 'background';

/** The part of a sequence that the schedule knows: counts, but no tokens, weights or times. */
export interface Schedulable {
  readonly id: number;
  readonly class: SequenceClass;
  /** The flows to which its work is counted: the caller, then smaller and smaller parts of the caller's work. */
  readonly path: FlowPath;
  /** Number of tokens to run before the next one is drawn. */
  readonly promptLength: number;
  /** Most tokens of this prompt in one run, if the limit is lower than that of others. */
  readonly chunk?: number | undefined;
  /** False while its runs still lack something. Other sequences may pass it meanwhile. */
  readonly isReady: boolean;
  state: SequenceState;
}

export interface ScheduleLimits {
  readonly slots: number;
  /** Whether those of the background keep the slots that they have. Default: no. */
  readonly keepsSlots?: boolean;
  /** Most prompt tokens in one run, and between two decode steps. Long prompts are run in such chunks, so that streams do not pause. */
  readonly prefillChunk: number;
  /** Most prefill runs between two decode steps. */
  readonly prefillRuns: number;
}

/**
 * Running sequences own the slots [0, running.length), so that a decode batch is a prefix of the slots. When a sequence leaves, the
 * last one moves into its slot. A prompt of several chunks is run in the last slot of all, and joins the others when it is complete.
 */
export interface ScheduleState<S extends Schedulable> {
  readonly limits: ScheduleLimits;
  /** Sequences that ran before come first; the others are in the order of arrival. */
  readonly waiting: S[];
  /** At most one prompt of several chunks, and one of a single chunk while it runs. */
  readonly prefilling: S[];
  /** By slot. */
  readonly running: S[];
  /** Prefill work since the last decode step. */
  readonly spent: { tokens: number; runs: number };
  /** Whether the last prefill run took a sequence from the queue. Then a prompt that was begun before is next. */
  beganLast: boolean;
  /** The root of the callers' flows. */
  readonly callers: Flow;
  readonly flows: Map<number, readonly Flow[]>;
}

/** A move or copy of a sequence's keys and values to another slot, to be made before the next run. */
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
