import { charge, isServedLess, type Flow } from './flows.ts';
import type { Schedulable, ScheduleState } from './schedule-state.ts';

/**
 * Plans which sequence gets the next run, with pure functions over plain data. The engine executes the plans.
 *
 *   waiting -> prefilling (in chunks) -> running -> finished
 *                                        running -> preempted -> prefilling
 *
 * Waiting sequences are ordered by class, then those that ran before go first, then by the work that their caller was given
 * (`flows.ts`), then by arrival. A ready sequence of a caller without other sequences is passed by at most one sequence of each other
 * caller of its class, and by sequences that ran before. Background sequences wait while others want the slots.
 */
export type Plan<S> =
  | PrefillPlan<S>
  | { readonly kind: 'decode'; readonly batch: number }
  /** Take this sequence's slot and put the sequence at the head of the queue, because one of a higher class waits for the slot. */
  | { readonly kind: 'preempt'; readonly sequence: S }
  | { readonly kind: 'idle' };

/** Run the prompt's tokens [start, end) in `slot`; after the `last` chunk the sequence is running. */
export interface PrefillPlan<S> {
  readonly kind: 'prefill';
  readonly sequence: S;
  readonly slot: number;
  readonly start: number;
  readonly end: number;
  readonly last: boolean;
}

/** Plans the next run. Does not change the state: `begin` and the functions of `slots.ts` do when the engine executes the plan. */
export function schedule<S extends Schedulable>(state: ScheduleState<S>): Plan<S> {
  const victim = nextToPreempt(state);
  if (victim) return { kind: 'preempt', sequence: victim };
  const prefill = nextPrefill(state);
  const streams = state.running.length;
  if (prefill && (streams === 0 || isWithinBudget(state, prefill))) return prefill;
  return streams > 0 ? { kind: 'decode', batch: streams } : { kind: 'idle' };
}

function nextToPreempt<S extends Schedulable>(state: ScheduleState<S>): S | undefined {
  if (hasRoom(state) || state.waiting.length === 0 || state.limits.keepsSlots === true) return undefined;
  const victim = state.running.findLast((sequence) => sequence.class === 'background');
  return victim && nextWaiting(state)?.class === 'foreground' ? victim : undefined;
}

/** A prompt that was begun and one from the queue take turns, so that a short prompt does not wait for a long one. */
function nextPrefill<S extends Schedulable>(state: ScheduleState<S>): PrefillPlan<S> | undefined {
  const begun = state.prefilling[0];
  if (begun && state.beganLast) return planOf(state, begun);
  const next = hasRoom(state) ? nextWaiting(state) : undefined;
  const sequence = next ?? begun;
  return sequence && planOf(state, sequence);
}

export function hasRoom({ running, prefilling, limits }: ScheduleState<Schedulable>): boolean {
  return running.length + prefilling.length < limits.slots;
}

/**
 * While a prompt of several chunks is being run, only prompts of one chunk are begun, so that two long prompts do not both take twice
 * as long.
 */
export function nextWaiting<S extends Schedulable>(state: ScheduleState<S>): S | undefined {
  const isLongBegun = state.prefilling.length > 0;
  let best: S | undefined;
  for (const sequence of state.waiting) {
    if (!sequence.isReady || (isLongBegun && sequence.promptLength > chunkOf(state, sequence))) continue;
    if (best === undefined || precedes(state.flows, sequence, best)) best = sequence;
  }
  return best;
}

function precedes(flows: ReadonlyMap<number, readonly Flow[]>, one: Schedulable, other: Schedulable): boolean {
  if (one.class !== other.class) return one.class === 'foreground';
  const hasRun = one.state.kind === 'preempted';
  if (hasRun !== (other.state.kind === 'preempted')) return hasRun;
  return !hasRun && isServedLess(flows.get(one.id) ?? [], flows.get(other.id) ?? []);
}

function chunkOf({ limits }: ScheduleState<Schedulable>, { chunk = Infinity }: Schedulable): number {
  return Math.min(limits.prefillChunk, chunk);
}

/** The plan for a prompt that has not begun, of which the first `start` tokens need not be run. */
export function resumeAt<S extends Schedulable>(state: ScheduleState<S>, sequence: S, start: number): PrefillPlan<S> {
  return planOf(state, sequence, start);
}

function planOf<S extends Schedulable>(state: ScheduleState<S>, sequence: S, skipped = 0): PrefillPlan<S> {
  const { state: at, promptLength } = sequence;
  const start = at.kind === 'prefilling' ? at.done : skipped;
  const end = endOfChunk({ start, promptLength, chunk: chunkOf(state, sequence) });
  const last = end === promptLength;
  const slot = at.kind === 'prefilling' ? at.slot : last ? state.running.length : state.limits.slots - 1;
  return { kind: 'prefill', sequence, slot, start, end, last };
}

/**
 * Where a chunk ends. WHY no last chunk of one token: attention sums in another order for a single query than for several, so that
 * the results would depend on where the chunks of a prompt begin.
 */
function endOfChunk(at: { readonly start: number; readonly promptLength: number; readonly chunk: number }): number {
  const { start, promptLength, chunk } = at;
  const left = promptLength - start - chunk;
  if (left <= 0) return promptLength;
  return start + (left === 1 && chunk > 2 ? chunk - 1 : chunk);
}

/**
 * A chunk is never shortened to fit the budget. It waits for the next turn, because a run of three tokens costs nearly as much as one
 * of thirty.
 */
function isWithinBudget<S extends Schedulable>(
  { spent, limits }: ScheduleState<S>,
  { start, end }: PrefillPlan<S>,
): boolean {
  return spent.runs < limits.prefillRuns && (spent.runs === 0 || spent.tokens + end - start <= limits.prefillChunk);
}

/**
 * Records that a plan is being executed: a prefill takes its sequence from the queue, and a decode step resets the budget. Work is
 * counted here, whether it succeeds or not.
 */
export function begin<S extends Schedulable>(state: ScheduleState<S>, plan: Plan<S>): void {
  if (plan.kind === 'decode') {
    [state.spent.tokens, state.spent.runs] = [0, 0];
    for (const { id } of state.running) charge(state.flows.get(id) ?? [], 1);
  }
  if (plan.kind !== 'prefill') return;
  const { sequence, start, end, slot } = plan;
  state.spent.tokens += end - start;
  state.spent.runs++;
  const place = state.waiting.indexOf(sequence);
  state.beganLast = place >= 0;
  if (place < 0) return;
  state.waiting.splice(place, 1);
  // Those that ran before have been counted already.
  if (sequence.state.kind === 'waiting') charge(state.flows.get(sequence.id) ?? [], sequence.promptLength - start);
  sequence.state = { kind: 'prefilling', slot, done: start };
  state.prefilling.push(sequence);
}
