import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Item, ScheduleFixture } from '../testing/schedule-fixture.ts';
import { createSchedule, type Schedulable, type SlotMove } from './schedule-state.ts';
import { begin, schedule } from './scheduler.ts';
import { advance, arrive, copyToRun, finish, moveToFill, moveToRun, preempt, run, runOnCopy } from './slots.ts';

const arrival = fc.record({
  kind: fc.constant('arrive' as const),
  promptLength: fc.integer({ min: 1, max: 20 }),
  isReady: fc.boolean(),
  key: fc.constantFrom('a', 'b', 'c'),
  class: fc.constantFrom<Schedulable['class']>('foreground', 'background'),
});

type Command =
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
/** Acts as the engine does, and keeps beside the state whose keys and values lie in each slot. */
class World {
  readonly state: ReturnType<typeof createSchedule<Item>>;
  readonly slots: (Item | undefined)[];
  readonly live: Item[] = [];
  readonly problems: string[] = [];
  readonly #prefilled = new Map<Item, number>();
  #next = 0;

  constructor(slots: number) {
    this.state = createSchedule({ slots, prefillChunk: 8, prefillRuns: 3 });
    this.slots = Array.from({ length: slots });
  }

  apply(step: Command): void {
    if (step.kind === 'arrive') this.#arrive(step);
    else if (step.kind === 'step') this.#step(false);
    else if (step.kind === 'failing step') this.#step(true);
    else if (step.kind === 'fork') this.#fork(step.pick);
    else this.#change(step.kind, this.live[step.pick % Math.max(1, this.live.length)]);
    this.#check();
  }

  #arrive({ promptLength, isReady, ...options }: Command & { readonly kind: 'arrive' }): void {
    const item = new Item(this.#next++, promptLength, options);
    item.isReady = isReady;
    arrive(this.state, item);
    this.live.push(item);
  }

  #change(kind: 'ready' | 'end' | 'preempt', item: Item | undefined): void {
    if (item === undefined) return;
    if (kind === 'ready') item.isReady = true;
    if (kind === 'end') this.#end(item);
    if (kind === 'preempt' && item.state.kind === 'running') this.#preempt(item);
  }

  #step(isFailing: boolean): void {
    const plan = schedule(this.state);
    begin(this.state, plan);
    if (plan.kind === 'preempt') this.#preempt(plan.sequence);
    if (plan.kind !== 'prefill') return;
    const { sequence, slot, start, end, last } = plan;
    this.#demand(sequence.isReady, `sequence ${sequence.id} runs before it is ready`);
    this.#demand(this.state.running[slot] === undefined, `slot ${slot} is prefilled while it runs`);
    this.#demand((this.#prefilled.get(sequence) ?? 0) === start, `sequence ${sequence.id} does not go on where it was`);
    this.#demand(start === 0 || this.slots[slot] === sequence, `sequence ${sequence.id} goes on where it is not`);
    this.slots[slot] = sequence;
    if (isFailing) return this.#end(sequence);
    this.#prefilled.set(sequence, end);
    advance(this.state, plan);
    if (!last) return;
    this.#move(moveToRun(this.state, sequence));
    run(this.state, sequence);
  }

  #fork(pick: number): void {
    const { waiting, running } = this.state;
    const [item, from] = [waiting[pick % Math.max(1, waiting.length)], running[pick % Math.max(1, running.length)]];
    const copy = item && from && copyToRun(this.state, item, from);
    if (copy === undefined) return;
    this.#demand(this.slots[copy.from] === from, `slot ${copy.from} does not hold ${from?.id}, which is copied`);
    this.#demand(this.state.running.length === copy.to, `the copy goes to slot ${copy.to}`);
    this.slots[copy.to] = copy.sequence;
    runOnCopy(this.state, copy.sequence);
  }

  #preempt(item: Item): void {
    this.#move(moveToFill(this.state, item));
    preempt(this.state, item);
    this.#prefilled.delete(item);
  }

  #end(item: Item): void {
    this.live.splice(this.live.indexOf(item), 1);
    this.#move(moveToFill(this.state, item));
    finish(this.state, item, 'finished');
  }

  #move(move: SlotMove<Item> | undefined): void {
    if (!move) return;
    this.#demand(this.slots[move.from] === move.sequence, `slot ${move.from} does not hold what moves`);
    this.slots[move.to] = move.sequence;
  }

  #check(): void {
    const { waiting, prefilling, running, callers } = this.state;
    const known = [...waiting, ...prefilling, ...running].map(({ id }) => id);
    const live = this.live.map(({ id }) => id);
    const sorted = (ids: readonly number[]): string => [...ids].sort((a, b) => a - b).join();
    this.#demand(sorted(known) === sorted(live), `${sorted(live)} are live, and ${sorted(known)} are known`);
    this.#demand(running.length + prefilling.length <= this.slots.length, 'more run than there are slots');
    running.forEach((item, slot) => {
      this.#demand(this.slots[slot] === item, `slot ${slot} does not hold ${item.id}`);
      this.#demand(item.state.kind === 'running' && item.state.slot === slot, `${item.id} does not know its slot`);
    });
    for (const { id, state } of prefilling) {
      const slot = state.kind === 'prefilling' ? state.slot : -1;
      this.#demand(slot >= running.length && this.slots[slot]?.id === id, `the prefill of ${id} was overwritten`);
    }
    const counted = [...callers.parts.values()].reduce((sum, flow) => sum + flow.live, 0);
    this.#demand(counted === live.length, `${live.length} are live, and ${counted} are counted`);
  }

  #demand(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem);
  }
}

describe('the schedule, through any order of arrivals, steps, failures, preemptions and ends', () => {
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

  it('brings every sequence to run, short and long', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 3 }), (promptLengths, slots) => {
        const fixture = new ScheduleFixture({ slots });
        promptLengths.forEach((promptLength, id) => fixture.add(id, promptLength));
        const order = new Set<number>();
        for (let turn = 0; turn < 1000 && order.size < promptLengths.length; turn++) {
          const { plan } = fixture.act();
          if (plan.kind === 'prefill' && plan.last) order.add(plan.sequence.id);
          const [first] = fixture.state.running;
          if (plan.kind === 'decode' && first) finish(fixture.state, first, 'finished');
        }
        expect(order.size).toBe(promptLengths.length);
      }),
    );
  });

  /** Callers that always have more waiting, with prompts of the same length; each turn a run, and now and then an end. */
  it('passes a caller that had none by at most one sequence of each other caller', () => {
    const options = { before: fc.integer({ min: 0, max: 40 }), others: fc.integer({ min: 1, max: 5 }) };
    fc.assert(
      fc.property(fc.record(options), ({ before, others }) => {
        const fixture = new ScheduleFixture({ slots: 4, prefillRuns: 1 });
        let next = 0;
        const refill = (): void => {
          for (let key = 0; key < others; key++) {
            for (let count = 0; count < 3; count++) fixture.add(next++, 4, { key: `busy ${key}` });
          }
        };
        const turn = (): Item | undefined => {
          if (fixture.state.waiting.length < 3 * others) refill();
          const { plan } = fixture.act();
          const [first] = fixture.state.running;
          if (plan.kind === 'decode' && first && fixture.state.running.length === 4)
            finish(fixture.state, first, 'finished');
          return plan.kind === 'prefill' ? plan.sequence : undefined;
        };
        for (let i = 0; i < before; i++) turn();
        refill();
        const late = fixture.add(next++, 4, { key: 'late' });
        const passed = new Map<string, number>();
        for (let begun = turn(); begun !== late; begun = turn()) {
          if (begun) passed.set(String(begun.path[0]), (passed.get(String(begun.path[0])) ?? 0) + 1);
          expect(Math.max(0, ...passed.values())).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 100 },
    );
  });
});
