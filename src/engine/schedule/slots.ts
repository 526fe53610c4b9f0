import { charge, enterFlows, leaveFlows } from './flows.ts';
import { hasRoom, type PrefillPlan } from './scheduler.ts';
import type { Schedulable, ScheduleState, SequenceEnd, SlotMove } from './schedule-state.ts';

/**
 * Arrivals, ends, and changes of slots. A change for which keys and values must be moved has two functions: the first returns the move
 * and changes nothing, the second records the move after it was made. If a move fails, the state therefore still matches the keys and
 * values.
 */

export function arrive<S extends Schedulable>(state: ScheduleState<S>, sequence: S): void {
  state.flows.set(sequence.id, enterFlows(state.callers, sequence.path));
  state.waiting.push(sequence);
}

/** Records that a chunk has run. */
export function advance<S extends Schedulable>(state: ScheduleState<S>, { sequence, slot, end }: PrefillPlan<S>): void {
  if (state.prefilling.includes(sequence)) sequence.state = { kind: 'prefilling', slot, done: end };
}

/** The move that a sequence needs after its prompt has run, before `run`; undefined if it is already in its slot. */
export function moveToRun<S extends Schedulable>(state: ScheduleState<S>, sequence: S): SlotMove<S> | undefined {
  const [at, to] = [sequence.state, state.running.length];
  return at.kind === 'prefilling' && at.slot !== to ? { sequence, from: at.slot, to } : undefined;
}

/** Records that a sequence's prompt is in the slot after those of the running sequences. */
export function run<S extends Schedulable>(state: ScheduleState<S>, sequence: S): void {
  takeOut(state.prefilling, sequence);
  takeOut(state.waiting, sequence);
  sequence.state = { kind: 'running', slot: state.running.push(sequence) - 1 };
}

/**
 * The copy that lets a waiting sequence continue from the same prompt of another sequence. Call it before `runOnCopy`.
 * @returns undefined if no slot is free; the sequence then keeps waiting
 */
export function copyToRun<S extends Schedulable>(
  state: ScheduleState<S>,
  sequence: S,
  other: S,
): SlotMove<S> | undefined {
  if (other.state.kind !== 'running' || !sequence.isReady || !hasRoom(state)) return undefined;
  return { sequence, from: other.state.slot, to: state.running.length };
}

/** Records that the copy was made. It counts as one token of the sequence's caller. */
export function runOnCopy<S extends Schedulable>(state: ScheduleState<S>, sequence: S): void {
  charge(state.flows.get(sequence.id) ?? [], 1);
  run(state, sequence);
}

/** The move that fills the slot that a sequence will leave, before `finish` or `preempt`; undefined if none is needed. */
export function moveToFill<S extends Schedulable>({ running }: ScheduleState<S>, sequence: S): SlotMove<S> | undefined {
  const last = running.at(-1);
  if (sequence.state.kind !== 'running' || last === undefined || last === sequence) return undefined;
  return { sequence: last, from: running.length - 1, to: sequence.state.slot };
}

/** Removes a sequence for good, in any state. The last running sequence owns its slot afterwards. */
export function finish<S extends Schedulable>(state: ScheduleState<S>, sequence: S, how: SequenceEnd): void {
  if (sequence.state.kind === 'finished') return;
  withdraw(state, sequence);
  sequence.state = { kind: 'finished', how };
  leaveFlows(state.callers, state.flows.get(sequence.id) ?? []);
  state.flows.delete(sequence.id);
}

/** Takes a sequence's slot, and puts the sequence at the head of the queue. */
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
