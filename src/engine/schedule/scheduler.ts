import { charge, isServedLess, type Flow } from './flows.ts';
import type { Schedulable, ScheduleState } from './schedule-state.ts';

/**
 * Which sequence gets the next run: pure functions over plain data. The engine acts on what is planned here.
 *
 *   waiting -> prefilling (in chunks) -> running -> finished
 *                                        running -> preempted -> prefilling
 *
 * Who waits is taken by class, then those that ran before, then by what its caller was given (`flows.ts`), then by arrival. A sequence
 * that is ready, of a caller that had none, is passed by at most one sequence of each other caller of its class, and by those that ran
 * before. Background sequences wait as long as others want the slots.
 */
export type Plan<S> =
  | PrefillPlan<S>
  | { readonly kind: 'decode'; readonly batch: number }
  /** Take this sequence's slot from it and put it at the head of the queue: one of a higher class waits for it. */
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

/** What to run next. Does not change the state: `begin`, and what `slots.ts` has, do when the engine acts. */
export function schedule<S extends Schedulable>(state: ScheduleState<S>): Plan<S> {
  const victim = nextToPreempt(state);
  if (victim) return { kind: 'preempt', sequence: victim };
  const prefill = nextPrefill(state);
  const streams = state.running.length;
  if (prefill && (streams === 0 || isWithinBudget(state, prefill))) return prefill;
  return streams > 0 ? { kind: 'decode', batch: streams } : { kind: 'idle' };
}

function nextToPreempt<S extends Schedulable>(state: ScheduleState<S>): S | undefined {
  if (hasRoom(state) || state.waiting.length === 0) return undefined;
  const victim = state.running.findLast((sequence) => sequence.class === 'background');
  return victim && nextWaiting(state)?.class === 'foreground' ? victim : undefined;
}

/** One that was begun and one from the queue take turns, so that a short prompt does not wait until a long one has run. */
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

/** Beside a prompt of several chunks only those of one are begun, so that two long ones do not both take twice as long. */
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

function planOf<S extends Schedulable>(state: ScheduleState<S>, sequence: S): PrefillPlan<S> {
  const { state: at, promptLength } = sequence;
  const start = at.kind === 'prefilling' ? at.done : 0;
  const end = Math.min(promptLength, start + chunkOf(state, sequence));
  const last = end === promptLength;
  const slot = at.kind === 'prefilling' ? at.slot : last ? state.running.length : state.limits.slots - 1;
  return { kind: 'prefill', sequence, slot, start, end, last };
}

/** A chunk is never cut to fit: it waits for the next turn, since a run of three tokens costs nearly what one of thirty does. */
function isWithinBudget<S extends Schedulable>(
  { spent, limits }: ScheduleState<S>,
  { start, end }: PrefillPlan<S>,
): boolean {
  return spent.runs < limits.prefillRuns && (spent.runs === 0 || spent.tokens + end - start <= limits.prefillChunk);
}

/**
 * Notes that a plan is being acted on: a prefill takes its sequence from the queue, a decode step refills the budget. Work is counted
 * here, whether it succeeds or not.
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
  if (sequence.state.kind === 'waiting') charge(state.flows.get(sequence.id) ?? [], sequence.promptLength);
  sequence.state = { kind: 'prefilling', slot, done: 0 };
  state.prefilling.push(sequence);
}
