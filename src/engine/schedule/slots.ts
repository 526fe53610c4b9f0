import { charge, enterFlows, leaveFlows } from './flows.ts';
import { hasRoom, type PrefillPlan } from './scheduler.ts';
import type { Schedulable, ScheduleState, SequenceEnd, SlotMove } from './schedule-state.ts';

/**
 * Arrivals, ends, and changes of slots. What needs keys and values to be moved comes in two steps: one tells the move and changes
 * nothing; when the move has been made, the other notes it. A move that fails so leaves everybody where the keys and values are.
 */

export function arrive<S extends Schedulable>(state: ScheduleState<S>, sequence: S): void {
  state.flows.set(sequence.id, enterFlows(state.callers, sequence.path));
  state.waiting.push(sequence);
}

/** Notes that a chunk has run. */
export function advance<S extends Schedulable>(state: ScheduleState<S>, { sequence, slot, end }: PrefillPlan<S>): void {
  if (state.prefilling.includes(sequence)) sequence.state = { kind: 'prefilling', slot, done: end };
}

/** The move that a sequence needs whose prompt has run, before `run`; undefined where it is in its place already. */
export function moveToRun<S extends Schedulable>(state: ScheduleState<S>, sequence: S): SlotMove<S> | undefined {
  const [at, to] = [sequence.state, state.running.length];
  return at.kind === 'prefilling' && at.slot !== to ? { sequence, from: at.slot, to } : undefined;
}

/** Notes that a sequence's prompt lies in the slot after those of the others. */
export function run<S extends Schedulable>(state: ScheduleState<S>, sequence: S): void {
  takeOut(state.prefilling, sequence);
  takeOut(state.waiting, sequence);
  sequence.state = { kind: 'running', slot: state.running.push(sequence) - 1 };
}

/**
 * The copy with which a waiting sequence can run at once on what another has, whose prompt is the same. Before `runOnCopy`.
 * @returns undefined where no slot is free, and the sequence waits on
 */
export function copyToRun<S extends Schedulable>(
  state: ScheduleState<S>,
  sequence: S,
  other: S,
): SlotMove<S> | undefined {
  if (other.state.kind !== 'running' || !sequence.isReady || !hasRoom(state)) return undefined;
  return { sequence, from: other.state.slot, to: state.running.length };
}

/** Notes that the copy was made. It counts as one token to the sequence's caller. */
export function runOnCopy<S extends Schedulable>(state: ScheduleState<S>, sequence: S): void {
  charge(state.flows.get(sequence.id) ?? [], 1);
  run(state, sequence);
}

/** The move that fills the hole which a sequence will leave, before `finish` or `preempt`; undefined where there will be none. */
export function moveToFill<S extends Schedulable>({ running }: ScheduleState<S>, sequence: S): SlotMove<S> | undefined {
  const last = running.at(-1);
  if (sequence.state.kind !== 'running' || last === undefined || last === sequence) return undefined;
  return { sequence: last, from: running.length - 1, to: sequence.state.slot };
}

/** Takes a sequence out for good, wherever it is. The last one owns its slot from here on. */
export function finish<S extends Schedulable>(state: ScheduleState<S>, sequence: S, how: SequenceEnd): void {
  if (sequence.state.kind === 'finished') return;
  withdraw(state, sequence);
  sequence.state = { kind: 'finished', how };
  leaveFlows(state.callers, state.flows.get(sequence.id) ?? []);
  state.flows.delete(sequence.id);
}

/** Takes a sequence's slot from it, and puts it at the head of the queue. */
export function preempt<S extends Schedulable>(state: ScheduleState<S>, sequence: S): void {
  withdraw(state, sequence);
  sequence.state = { kind: 'preempted' };
  state.waiting.unshift(sequence);
}

function withdraw<S extends Schedulable>(state: ScheduleState<S>, sequence: S): void {
  const { running, prefilling, waiting } = state;
  if (sequence.state.kind !== 'running') {
    takeOut(prefilling, sequence);
    takeOut(waiting, sequence);
    return;
  }
  const { slot } = sequence.state;
  const last = running.pop();
  if (last === undefined || last === sequence) return;
  running[slot] = last;
  last.state = { kind: 'running', slot };
}

function takeOut<S>(list: S[], sequence: S): void {
  const place = list.indexOf(sequence);
  if (place >= 0) list.splice(place, 1);
}
