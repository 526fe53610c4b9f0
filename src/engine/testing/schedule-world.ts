import * as fc from 'fast-check';

import { createSchedule, type Schedulable, type ScheduleState, type SlotMove } from '../schedule/schedule-state.ts';
import { begin, schedule } from '../schedule/scheduler.ts';
import {
  advance,
  arrive,
  copyToRun,
  finish,
  moveToFill,
  moveToRun,
  preempt,
  run,
  runOnCopy,
} from '../schedule/slots.ts';
import { Item } from './schedule-fixture.ts';

/** The functions of the schedule, of which a test can exchange one for a broken one. */
export const sound = {
  schedule,
  begin,
  advance,
  arrive,
  copyToRun,
  finish,
  moveToFill,
  moveToRun,
  preempt,
  run,
  runOnCopy,
};

export type ScheduleFunctions = typeof sound;

const arrival = fc.record({
  kind: fc.constant('arrive' as const),
  promptLength: fc.integer({ min: 1, max: 20 }),
  isReady: fc.boolean(),
  key: fc.constantFrom('a', 'b', 'c'),
  class: fc.constantFrom<Schedulable['class']>('foreground', 'background'),
});

export type Command =
  | (typeof arrival extends fc.Arbitrary<infer One> ? One : never)
  | { readonly kind: 'step' }
  | { readonly kind: 'failing step' }
  | { readonly kind: 'ready' | 'fork' | 'end' | 'preempt'; readonly pick: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  arrival,
  fc.record({ kind: fc.constant('step' as const) }),
  fc.record({ kind: fc.constant('failing step' as const) }),
  fc.record({
    kind: fc.constantFrom<'ready' | 'fork' | 'end' | 'preempt'>('ready', 'fork', 'end', 'preempt'),
    pick: fc.nat(),
  }),
);

/** The slots of a schedule, and what happens to it. */
export const histories = fc.record({
  slots: fc.integer({ min: 1, max: 5 }),
  commands: fc.array(command, { maxLength: 60, size: 'max' }),
});

export type History = typeof histories extends fc.Arbitrary<infer One> ? One : never;

/** Acts as the engine does, and keeps beside the state whose keys and values lie in each slot. */
class World {
  readonly problems: string[] = [];
  readonly #do: ScheduleFunctions;
  readonly #state: ScheduleState<Item>;
  readonly #slots: (Item | undefined)[];
  readonly #live = new Set<Item>();
  readonly #prefilled = new Map<Item, number>();
  #next = 0;

  constructor(slots: number, functions: ScheduleFunctions) {
    this.#do = functions;
    this.#state = createSchedule({ slots, prefillChunk: 8, prefillRuns: 3 });
    this.#slots = Array.from({ length: slots });
  }

  apply(step: Command): void {
    if (step.kind === 'arrive') this.#arrive(step);
    else if (step.kind === 'step') this.#step(false);
    else if (step.kind === 'failing step') this.#step(true);
    else if (step.kind === 'fork') this.#fork(step.pick);
    else this.#change(step.kind, [...this.#live][step.pick % Math.max(1, this.#live.size)]);
    this.#check();
  }

  /**
   * Goes on with callers that ask more than the engine can do, until all that waited has begun. Those of the background wait as long as
   * others do, so only the others count.
   */
  wearOut(turns: number): void {
    const early = new Set(this.#state.waiting.filter((item) => item.class === 'foreground'));
    for (const item of early) item.isReady = true;
    for (let turn = 0; turn < turns && early.size > 0 && this.problems.length === 0; turn++) {
      // WHY so many: each caller alone asks as much as the engine can do.
      for (const key of ['a', 'd']) this.#arrive({ promptLength: 8, isReady: true, key, class: 'foreground' });
      const begun = this.#step(false);
      const [first] = this.#state.running;
      if (begun === undefined && first) this.#end(first);
      for (const item of early)
        if (item.state.kind !== 'waiting' && item.state.kind !== 'preempted') early.delete(item);
      this.#check();
    }
    const starved = [...early].map(({ id }) => id).join();
    this.#demand(early.size === 0, `${starved} did not begin in ${turns} turns`);
  }

  #arrive({
    promptLength,
    isReady,
    key,
    ...rest
  }: Omit<Command & { readonly kind: 'arrive' }, 'kind' | 'key'> & { readonly key: string }): void {
    const item = new Item(this.#next++, promptLength, { key, class: rest.class });
    item.isReady = isReady;
    this.#do.arrive(this.#state, item);
    this.#live.add(item);
  }

  #change(kind: 'ready' | 'end' | 'preempt', item: Item | undefined): void {
    if (item === undefined) return;
    if (kind === 'ready') item.isReady = true;
    if (kind === 'end') this.#end(item);
    if (kind === 'preempt' && item.state.kind === 'running') this.#preempt(item);
  }

  /** @returns the sequence whose prompt was run, if one was */
  #step(isFailing: boolean): Item | undefined {
    const plan = this.#do.schedule(this.#state);
    this.#do.begin(this.#state, plan);
    if (plan.kind === 'preempt') this.#preempt(plan.sequence);
    if (plan.kind !== 'prefill') return undefined;
    const { sequence, slot, start, end, last } = plan;
    this.#demand(sequence.isReady, `sequence ${sequence.id} runs before it is ready`);
    this.#demand(this.#state.running[slot] === undefined, `slot ${slot} is prefilled while it runs`);
    this.#demand((this.#prefilled.get(sequence) ?? 0) === start, `sequence ${sequence.id} does not go on where it was`);
    this.#demand(start === 0 || this.#slots[slot] === sequence, `sequence ${sequence.id} goes on where it is not`);
    this.#slots[slot] = sequence;
    if (isFailing) {
      this.#end(sequence);
      return sequence;
    }
    this.#prefilled.set(sequence, end);
    this.#do.advance(this.#state, plan);
    if (!last) return sequence;
    this.#move(this.#do.moveToRun(this.#state, sequence));
    this.#do.run(this.#state, sequence);
    return sequence;
  }

  #fork(pick: number): void {
    const { waiting, running } = this.#state;
    const [item, from] = [waiting[pick % Math.max(1, waiting.length)], running[pick % Math.max(1, running.length)]];
    const copy = item && from && this.#do.copyToRun(this.#state, item, from);
    if (copy === undefined) return;
    this.#demand(this.#slots[copy.from] === from, `slot ${copy.from} does not hold ${from?.id}, which is copied`);
    this.#demand(running.length === copy.to, `the copy goes to slot ${copy.to}`);
    this.#slots[copy.to] = copy.sequence;
    this.#do.runOnCopy(this.#state, copy.sequence);
  }

  #preempt(item: Item): void {
    this.#move(this.#do.moveToFill(this.#state, item));
    this.#do.preempt(this.#state, item);
    this.#prefilled.delete(item);
  }

  #end(item: Item): void {
    this.#live.delete(item);
    this.#move(this.#do.moveToFill(this.#state, item));
    this.#do.finish(this.#state, item, 'finished');
  }

  #move(move: SlotMove<Item> | undefined): void {
    if (!move) return;
    this.#demand(this.#slots[move.from] === move.sequence, `slot ${move.from} does not hold what moves`);
    this.#slots[move.to] = move.sequence;
  }

  #check(): void {
    const { waiting, prefilling, running, callers } = this.#state;
    const known = [...waiting, ...prefilling, ...running];
    const isSame = known.length === this.#live.size && new Set(known).size === known.length;
    this.#demand(isSame && known.every((item) => this.#live.has(item)), 'a sequence is lost, or is in two places');
    this.#demand(running.length + prefilling.length <= this.#slots.length, 'more run than there are slots');
    running.forEach((item, slot) => {
      this.#demand(this.#slots[slot] === item, `slot ${slot} does not hold ${item.id}`);
      this.#demand(item.state.kind === 'running' && item.state.slot === slot, `${item.id} does not know its slot`);
    });
    for (const { id, state } of prefilling) {
      const slot = state.kind === 'prefilling' ? state.slot : -1;
      this.#demand(slot >= running.length && this.#slots[slot]?.id === id, `the prefill of ${id} was overwritten`);
    }
    let counted = 0;
    for (const flow of callers.parts.values()) counted += flow.live;
    this.#demand(counted === this.#live.size, `${this.#live.size} are live, and ${counted} are counted`);
  }

  #demand(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem);
  }
}

/** Turns in which all that waits must have begun, whatever comes. */
const enoughTurns = 600;

/** What a schedule does wrong in a history, and after it under load. */
export function problemsIn({ slots, commands }: History, functions: ScheduleFunctions = sound): readonly string[] {
  const world = new World(slots, functions);
  for (const step of commands) {
    world.apply(step);
    if (world.problems.length > 0) return world.problems;
  }
  world.wearOut(enoughTurns);
  return world.problems;
}

/** Broken schedules, each of which differs in one function. */
export const flaws: Readonly<Record<string, ScheduleFunctions>> = {
  'a slot is used twice': {
    ...sound,
    schedule: (state) => {
      const plan = schedule(state);
      return plan.kind === 'prefill' && plan.last ? { ...plan, slot: Math.max(0, plan.slot - 1) } : plan;
    },
  },
  'the last sequence does not move into the hole': { ...sound, moveToFill: () => undefined },
  'a long prompt is not moved behind the running ones': { ...sound, moveToRun: () => undefined },
  'a sequence that lost its slot is lost': {
    ...sound,
    preempt: (state, sequence) => {
      preempt(state, sequence);
      state.waiting.shift();
    },
  },
  'a copy keeps its place in the queue': {
    ...sound,
    runOnCopy: (state, sequence) => {
      runOnCopy(state, sequence);
      state.waiting.push(sequence);
    },
  },
  'a sequence begins before it is ready': {
    ...sound,
    schedule: (state) => {
      const plan = schedule(state);
      const unready = state.waiting.find(({ isReady }) => !isReady);
      return plan.kind === 'prefill' && plan.start === 0 && unready ? { ...plan, sequence: unready } : plan;
    },
  },
  'the last to come is the first': {
    ...sound,
    schedule: (state) => schedule({ ...state, flows: new Map(), waiting: state.waiting.toReversed() }),
  },
  'one caller always goes first': {
    ...sound,
    schedule: (state) => {
      const waiting = state.waiting.toSorted(
        (one, other) => Number(other.path[0] === 'a') - Number(one.path[0] === 'a'),
      );
      return schedule({ ...state, flows: new Map(), waiting });
    },
  },
};
