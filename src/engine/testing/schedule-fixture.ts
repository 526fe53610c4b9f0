import { createSchedule, type Schedulable, type ScheduleLimits, type SlotMove } from '../schedule/schedule-state.ts';
import { begin, schedule, type Plan } from '../schedule/scheduler.ts';
import { advance, arrive, moveToRun, preempt, run } from '../schedule/slots.ts';

export interface ItemOptions {
  readonly key?: string;
  readonly class?: Schedulable['class'];
  readonly chunk?: number;
}

/** Sequence of a test: its request is its own. */
export class Item implements Schedulable {
  readonly id: number;
  readonly promptLength: number;
  readonly class: Schedulable['class'];
  readonly path: Schedulable['path'];
  readonly chunk: number | undefined;
  isReady = true;
  state: Schedulable['state'] = { kind: 'waiting' };

  constructor(id: number, promptLength: number, { key = '', class: ofClass = 'foreground', chunk }: ItemOptions = {}) {
    this.id = id;
    this.promptLength = promptLength;
    this.class = ofClass;
    this.path = [key, 'base', id];
    this.chunk = chunk;
  }
}

/** A schedule of which every run and move succeeds. */
export class ScheduleFixture {
  readonly state: ReturnType<typeof createSchedule<Item>>;

  constructor(limits: Partial<ScheduleLimits> = {}) {
    this.state = createSchedule<Item>({ slots: 3, prefillChunk: 8, prefillRuns: 2, ...limits });
  }

  add(id: number, promptLength: number, options?: ItemOptions): Item {
    const item = new Item(id, promptLength, options);
    arrive(this.state, item);
    return item;
  }

  /** Acts on the next plan. */
  act(): { readonly plan: Plan<Item>; readonly move: SlotMove<Item> | undefined } {
    const plan = schedule(this.state);
    begin(this.state, plan);
    if (plan.kind === 'preempt') preempt(this.state, plan.sequence);
    if (plan.kind !== 'prefill') return { plan, move: undefined };
    advance(this.state, plan);
    const move = plan.last ? moveToRun(this.state, plan.sequence) : undefined;
    if (plan.last) run(this.state, plan.sequence);
    return { plan, move };
  }

  /** What the next plans are about, in short. */
  acts(count: number): string[] {
    return Array.from({ length: count }, () => describePlan(this.act().plan));
  }

  get running(): number[] {
    return this.state.running.map(({ id }) => id);
  }
}

export function describePlan(plan: Plan<Item>): string {
  if (plan.kind === 'decode') return `decode ${plan.batch}`;
  if (plan.kind === 'preempt') return `preempt ${plan.sequence.id}`;
  if (plan.kind === 'idle') return 'idle';
  return `prefill ${plan.sequence.id} [${plan.start}, ${plan.end}) in ${plan.slot}`;
}
