import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  advance,
  begin,
  createSchedule,
  fork,
  remove,
  schedule,
  type Plan,
  type ScheduleState,
  type SlotMove,
} from './scheduler.ts';

const limits = { slots: 3, prefillChunk: 8, prefillRuns: 2 };

function act(state: ScheduleState): { plan: Plan; move: SlotMove | undefined } {
  const plan = schedule(state);
  begin(state, plan);
  return { plan, move: plan.kind === 'prefill' ? advance(state, plan) : undefined };
}

describe('schedule', () => {
  it('is idle with nothing to do', () => {
    expect(schedule(createSchedule(limits))).toEqual({ kind: 'idle' });
  });

  it('takes a long prompt in chunks, and lets streams decode between them', () => {
    const state = createSchedule(limits);
    state.waiting.push({ id: 1, promptLength: 2, isReady: true }, { id: 2, promptLength: 20, isReady: true });
    const plans = Array.from({ length: 6 }, () => act(state).plan);
    expect(plans).toEqual([
      { kind: 'prefill', id: 1, slot: 0, start: 0, end: 2, last: true },
      { kind: 'decode', batch: 1 },
      { kind: 'prefill', id: 2, slot: 1, start: 0, end: 8, last: false },
      { kind: 'decode', batch: 1 },
      { kind: 'prefill', id: 2, slot: 1, start: 8, end: 16, last: false },
      { kind: 'decode', batch: 1 },
    ]);
  });

  it('takes a prompt in chunks of its own where these are shorter', () => {
    const state = createSchedule(limits);
    state.waiting.push(
      { id: 1, promptLength: 7, isReady: true, chunk: 3 },
      { id: 2, promptLength: 9, isReady: true, chunk: 100 },
    );
    const plans = Array.from({ length: 4 }, () => act(state).plan);
    expect(plans.slice(0, 3)).toMatchObject([
      { id: 1, start: 0, end: 3, last: false },
      { id: 1, start: 3, end: 6, last: false },
      { id: 1, start: 6, end: 7, last: true },
    ]);
    expect(plans[3]).toEqual({ kind: 'decode', batch: 1 });
    expect(act(state).plan).toMatchObject({ id: 2, start: 0, end: 8, last: false });
  });

  it('prefills several short prompts between two decode steps, up to the limit of runs', () => {
    const state = createSchedule(limits);
    for (const id of [1, 2, 3]) state.waiting.push({ id, promptLength: 3, isReady: true });
    expect(Array.from({ length: 4 }, () => act(state).plan.kind)).toEqual(['prefill', 'prefill', 'decode', 'prefill']);
  });

  it('leaves a request waiting while every slot is taken', () => {
    const state = createSchedule({ ...limits, slots: 1 });
    state.waiting.push({ id: 1, promptLength: 1, isReady: true }, { id: 2, promptLength: 1, isReady: true });
    act(state);
    expect(schedule(state)).toEqual({ kind: 'decode', batch: 1 });
    remove(state, 1);
    expect(schedule(state)).toMatchObject({ kind: 'prefill', id: 2, slot: 0 });
  });

  it('lets others pass a sequence that is not ready, and takes it first as soon as it is', () => {
    const state = createSchedule({ ...limits, prefillRuns: 1 });
    const late = { id: 1, promptLength: 1, isReady: false };
    state.waiting.push(late);
    expect(schedule(state)).toEqual({ kind: 'idle' });
    state.waiting.push({ id: 2, promptLength: 1, isReady: true }, { id: 3, promptLength: 1, isReady: true });
    expect(act(state).plan).toMatchObject({ kind: 'prefill', id: 2 });
    expect(act(state).plan).toMatchObject({ kind: 'decode' });
    late.isReady = true;
    expect(act(state).plan).toMatchObject({ kind: 'prefill', id: 1, slot: 1 });
    expect(state.waiting.map(({ id }) => id)).toEqual([3]);
  });

  it('fills the slot of a finished sequence from the end', () => {
    const state = createSchedule(limits);
    for (const id of [1, 2, 3]) state.waiting.push({ id, promptLength: 1, isReady: true });
    while (state.waiting.length > 0) act(state);
    expect(remove(state, 1)).toEqual({ id: 3, from: 2, to: 0 });
    expect(state.running).toEqual([3, 2]);
    expect(remove(state, 2)).toBeUndefined();
  });

  it('moves a prefilled sequence down when others ended during its prefill', () => {
    const state = createSchedule(limits);
    state.waiting.push({ id: 1, promptLength: 1, isReady: true }, { id: 2, promptLength: 9, isReady: true });
    act(state);
    act(state);
    act(state);
    remove(state, 1);
    expect(act(state)).toEqual({
      plan: { kind: 'prefill', id: 2, slot: 1, start: 8, end: 9, last: true },
      move: { id: 2, from: 1, to: 0 },
    });
  });
});

type Command =
  | { readonly kind: 'arrive'; readonly promptLength: number; readonly isReady: boolean }
  | { readonly kind: 'step' }
  | { readonly kind: 'ready'; readonly pick: number }
  | { readonly kind: 'fork'; readonly pick: number }
  | { readonly kind: 'end'; readonly pick: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    kind: fc.constant('arrive' as const),
    promptLength: fc.integer({ min: 1, max: 20 }),
    isReady: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('ready' as const), pick: fc.nat() }),
  fc.record({ kind: fc.constant('step' as const) }),
  fc.record({ kind: fc.constant('fork' as const), pick: fc.nat() }),
  fc.record({ kind: fc.constant('end' as const), pick: fc.nat() }),
);

/** Acts as the engine does, and keeps beside the state what lies in each slot. */
class World {
  readonly state: ScheduleState;
  readonly slots: (number | undefined)[];
  readonly live: number[] = [];
  readonly problems: string[] = [];
  readonly #prefilled = new Map<number, number>();
  #next = 0;

  constructor(slots: number) {
    this.state = createSchedule({ slots, prefillChunk: 8, prefillRuns: 3 });
    this.slots = Array.from({ length: slots });
  }

  apply(step: Command): void {
    if (step.kind === 'arrive') this.#arrive(step);
    else if (step.kind === 'ready') this.#ready(step.pick);
    else if (step.kind === 'step') this.#step();
    else if (step.kind === 'fork') this.#fork(step.pick);
    else this.#end(step.pick);
    this.#check();
  }

  #arrive({ promptLength, isReady }: { readonly promptLength: number; readonly isReady: boolean }): void {
    this.state.waiting.push({ id: this.#next, promptLength, isReady });
    this.live.push(this.#next++);
  }

  #ready(pick: number): void {
    const sequence = this.state.waiting[pick % Math.max(1, this.state.waiting.length)];
    if (sequence) sequence.isReady = true;
  }

  #step(): void {
    const plan = schedule(this.state);
    begin(this.state, plan);
    if (plan.kind !== 'prefill') return;
    this.#demand(this.state.prefilling?.isReady === true, `sequence ${plan.id} runs before it is ready`);
    this.#demand(this.state.running[plan.slot] === undefined, `slot ${plan.slot} is prefilled while it runs`);
    this.#demand((this.#prefilled.get(plan.id) ?? 0) === plan.start, `sequence ${plan.id} does not go on where it was`);
    const isThere = plan.start === 0 || this.slots[plan.slot] === plan.id;
    this.#demand(isThere, `sequence ${plan.id} goes on in slot ${plan.slot}, where it is not`);
    this.slots[plan.slot] = plan.id;
    this.#prefilled.set(plan.id, plan.end);
    this.#move(advance(this.state, plan));
  }

  #fork(pick: number): void {
    const { waiting, running } = this.state;
    const [id, from] = [waiting[pick % Math.max(1, waiting.length)]?.id, running[pick % Math.max(1, running.length)]];
    const copy = id === undefined || from === undefined ? undefined : fork(this.state, { id, from });
    if (!copy) return;
    this.#demand(this.slots[copy.from] === from, `slot ${copy.from} does not hold ${from}, which is copied`);
    this.slots[copy.to] = copy.id;
  }

  #end(pick: number): void {
    const [id] = this.live.splice(pick % Math.max(1, this.live.length), 1);
    if (id !== undefined) this.#move(remove(this.state, id));
  }

  #move(move: SlotMove | undefined): void {
    if (!move) return;
    this.#demand(this.slots[move.from] === move.id, `slot ${move.from} does not hold ${move.id}, which moves`);
    this.slots[move.to] = move.id;
  }

  #check(): void {
    const { waiting, prefilling, running } = this.state;
    const known = [...waiting.map(({ id }) => id), ...(prefilling ? [prefilling.id] : []), ...running];
    const sorted = (ids: readonly number[]): string => [...ids].sort((a, b) => a - b).join();
    this.#demand(sorted(known) === sorted(this.live), `${sorted(this.live)} are live, and ${sorted(known)} are known`);
    this.#demand(running.length <= this.slots.length, 'more run than there are slots');
    running.forEach((id, slot) => this.#demand(this.slots[slot] === id, `slot ${slot} does not hold ${id}`));
    if (!prefilling || prefilling.done === 0) return;
    this.#demand(prefilling.slot >= running.length, `slot ${prefilling.slot} has two owners`);
    this.#demand(this.slots[prefilling.slot] === prefilling.id, `the prefill of ${prefilling.id} was overwritten`);
  }

  #demand(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem);
  }
}

describe('the schedule, through any order of arrivals, steps and ends', () => {
  it('loses no sequence, owns no slot twice, and keeps running sequences a prefix of the slots', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.array(command, { maxLength: 120, size: 'max' }),
        (slots, commands) => {
          const world = new World(slots);
          for (const step of commands) world.apply(step);
          expect(world.problems).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('brings every sequence to run, in the order of arrival', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 12 }), (lengths) => {
        const state = createSchedule({ slots: 2, prefillChunk: 8, prefillRuns: 2 });
        lengths.forEach((promptLength, id) => state.waiting.push({ id, promptLength, isReady: true }));
        const order: number[] = [];
        for (let turn = 0; turn < 1000 && order.length < lengths.length; turn++) {
          const { plan } = act(state);
          if (plan.kind === 'prefill' && plan.last) order.push(plan.id);
          if (plan.kind === 'decode') remove(state, state.running[0] ?? -1);
        }
        expect(order).toEqual(lengths.map((_, id) => id));
      }),
    );
  });
});
