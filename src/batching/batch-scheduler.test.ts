import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  begin,
  cancel,
  createBatchState,
  end,
  enqueue,
  planBatch,
  type BatchPlan,
  type BatchState,
  type QueuedRequest,
} from './batch-scheduler.ts';

const limits = { maxRows: 4, maxWaitMs: 2, runs: 1 };

function stateOf(...requests: readonly QueuedRequest[]): BatchState {
  const state = createBatchState(limits);
  for (const each of requests) enqueue(state, each);
  return state;
}

function request(id: number, overrides: Partial<QueuedRequest> = {}): QueuedRequest {
  return { id, group: 'a', rows: 1, arrivedMs: id, ...overrides };
}

const idsOf = (plan: BatchPlan): number[] | string =>
  plan.kind === 'run' ? plan.requests.map(({ id }) => id) : plan.kind;

describe('planBatch', () => {
  it('waits for others until the oldest request has waited its time', () => {
    const state = stateOf(request(0), request(1));
    expect(planBatch(state, 1.5)).toEqual({ kind: 'wait', untilMs: 2 });
    expect(idsOf(planBatch(state, 2))).toEqual([0, 1]);
  });

  it('does not wait for a batch that is full', () => {
    expect(idsOf(planBatch(stateOf(request(0, { rows: 3 }), request(1)), 1))).toEqual([0, 1]);
  });

  it('counts rows, and runs a batch that the next request does not fit into', () => {
    expect(idsOf(planBatch(stateOf(request(0, { rows: 3 }), request(1, { rows: 2 })), 1))).toEqual([0]);
  });

  it('never waits for a request that nothing can join', () => {
    expect(idsOf(planBatch(stateOf(request(0, { group: undefined, rows: 9 })), 0))).toEqual([0]);
  });

  it('joins only what has the same group, the oldest group first', () => {
    const state = stateOf(request(0), request(1, { group: 'b' }), request(2));
    expect(idsOf(planBatch(state, 9))).toEqual([0, 2]);
  });

  it('lets a full group go before an older one that still waits, and never after one that has waited its time', () => {
    const state = stateOf(request(0), request(1, { group: 'b', rows: 4 }));
    expect(idsOf(planBatch(state, 1))).toEqual([1]);
    expect(idsOf(planBatch(state, 2))).toEqual([0]);
  });

  it('is idle while as many batches are under way as may be', () => {
    const state = stateOf(request(0), request(1, { group: 'b' }));
    const plan = planBatch(state, 9);
    if (plan.kind === 'run') begin(state, plan);
    expect(planBatch(state, 9)).toEqual({ kind: 'idle' });
    end(state);
    expect(idsOf(planBatch(state, 9))).toEqual([1]);
  });

  it('forgets a request that is cancelled', () => {
    const state = stateOf(request(0), request(1));
    expect([cancel(state, request(0)), cancel(state, request(0))]).toEqual([true, false]);
    expect(idsOf(planBatch(state, 9))).toEqual([1]);
  });
});

const event = fc.oneof(
  fc.record({
    kind: fc.constant('arrive' as const),
    group: fc.constantFrom('a', 'b', 'c', undefined),
    rows: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ kind: fc.constant('cancel' as const), pick: fc.nat() }),
  fc.record({ kind: fc.constant('tick' as const), ms: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('end' as const) }),
);

/** Acts on the plans as the loop does, and notes what must never be. */
class Simulation {
  readonly state: BatchState;
  readonly waiting = new Map<number, QueuedRequest>();
  readonly problems: string[] = [];
  readonly #last = new Map<string, number>();
  now = 0;
  #ids = 0;

  constructor(runs: number) {
    this.state = createBatchState({ ...limits, runs });
  }

  arrive(group: string | undefined, rows: number): void {
    const next = { id: this.#ids++, group, rows, arrivedMs: this.now };
    this.waiting.set(next.id, next);
    enqueue(this.state, next);
  }

  cancel(pick: number): void {
    const victim = [...this.waiting.values()][pick % Math.max(1, this.waiting.size)];
    if (victim === undefined) return;
    this.waiting.delete(victim.id);
    if (!cancel(this.state, victim)) this.problems.push(`${victim.id} was not waiting`);
  }

  act(): void {
    for (let plan = planBatch(this.state, this.now); plan.kind === 'run'; plan = planBatch(this.state, this.now)) {
      this.#check(plan);
      begin(this.state, plan);
      for (const { id } of plan.requests) if (!this.waiting.delete(id)) this.problems.push(`${id} was not waiting`);
    }
    if (this.state.running < this.state.limits.runs && this.#late().length > 0) this.problems.push('somebody waits on');
    if (this.state.running > this.state.limits.runs) this.problems.push('too many batches');
    if (this.state.waiting !== this.waiting.size) this.problems.push('somebody was lost');
  }

  #check({ requests, rows }: BatchPlan & { kind: 'run' }): void {
    const [head] = requests;
    const group = head?.group;
    if (requests.some((each) => each.group !== group)) this.problems.push('groups were mixed');
    if (group === undefined ? requests.length > 1 : rows > limits.maxRows) this.problems.push('the batch is too large');
    if (this.#late().some(({ id }) => id < (head?.id ?? 0))) this.problems.push(`${head?.id} overtook a late one`);
    for (const { id } of requests) {
      if (group !== undefined && id <= (this.#last.get(group) ?? -1)) this.problems.push(`${id} was overtaken`);
      if (group !== undefined) this.#last.set(group, id);
    }
  }

  #late(): QueuedRequest[] {
    return [...this.waiting.values()].filter(({ arrivedMs }) => this.now - arrivedMs >= limits.maxWaitMs);
  }
}

describe('the schedule', () => {
  it('runs every request once, in the order of its group, within the limits, and no later than it must', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), fc.integer({ min: 1, max: 3 }), (events, runs) => {
        const simulation = new Simulation(runs);
        for (const step of events) {
          if (step.kind === 'tick') simulation.now += step.ms;
          if (step.kind === 'end' && simulation.state.running > 0) end(simulation.state);
          if (step.kind === 'arrive') simulation.arrive(step.group, step.rows);
          if (step.kind === 'cancel') simulation.cancel(step.pick);
          simulation.act();
        }
        simulation.now += limits.maxWaitMs;
        while (simulation.state.running > 0 || simulation.waiting.size > 0) {
          simulation.act();
          end(simulation.state);
        }
        expect(simulation.problems).toEqual([]);
      }),
    );
  });
});
