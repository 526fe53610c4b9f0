import { describe, expect, it } from 'vitest';

import { ScheduleFixture as Fixture, describePlan } from '../testing/schedule-fixture.ts';
import { begin, schedule } from './scheduler.ts';
import { copyToRun, finish, moveToFill, preempt, runOnCopy } from './slots.ts';

describe('schedule', () => {
  it('is idle with nothing to do', () => {
    expect(new Fixture().acts(1)).toEqual(['idle']);
  });

  it('takes a long prompt in chunks in the last slot, lets streams decode between them, and moves it when it is done', () => {
    const fixture = new Fixture();
    fixture.add(1, 2);
    fixture.add(2, 20);
    expect(fixture.acts(6)).toEqual([
      'prefill 1 [0, 2) in 0',
      'decode 1',
      'prefill 2 [0, 8) in 2',
      'decode 1',
      'prefill 2 [8, 16) in 2',
      'decode 1',
    ]);
    const { plan, move } = fixture.act();
    expect([describePlan(plan), move]).toMatchObject(['prefill 2 [16, 20) in 2', { from: 2, to: 1 }]);
    expect(fixture.running).toEqual([1, 2]);
  });

  it('runs no last chunk of one token, except of a prompt of one token', () => {
    const fixture = new Fixture({ prefillRuns: 3 });
    fixture.add(1, 9);
    expect(fixture.acts(2)).toEqual(['prefill 1 [0, 7) in 2', 'prefill 1 [7, 9) in 2']);
    fixture.add(2, 1);
    expect(fixture.acts(2)).toEqual(['decode 1', 'prefill 2 [0, 1) in 1']);
  });

  it('takes a prompt in chunks of its own where these are shorter', () => {
    const fixture = new Fixture();
    fixture.add(1, 7, { chunk: 3 });
    expect(fixture.acts(3)).toEqual(['prefill 1 [0, 3) in 2', 'prefill 1 [3, 5) in 2', 'prefill 1 [5, 7) in 2']);
    fixture.add(2, 9, { chunk: 100 });
    expect(fixture.acts(2)).toEqual(['decode 1', 'prefill 2 [0, 7) in 2']);
  });

  it('prefills several short prompts between two decode steps, up to the limits of runs and tokens', () => {
    const fixture = new Fixture({ slots: 9, prefillRuns: 3 });
    for (const [id, length] of [3, 3, 3, 2, 1].entries()) fixture.add(id, length);
    expect(fixture.acts(7).map((act) => act.split(' ').slice(0, 2).join(' '))).toEqual([
      'prefill 0',
      'prefill 1',
      'decode 2',
      'prefill 2',
      'prefill 3',
      'prefill 4',
      'decode 5',
    ]);
  });

  it('lets a short prompt by a long one that has begun, and keeps a second long one waiting', () => {
    const fixture = new Fixture({ slots: 9, prefillRuns: 1 });
    const long = fixture.add(1, 32);
    expect(fixture.acts(1)).toEqual(['prefill 1 [0, 8) in 8']);
    fixture.add(2, 32);
    fixture.add(3, 4);
    fixture.add(4, 4);
    expect(fixture.acts(7)).toEqual([
      'prefill 1 [8, 16) in 8',
      'prefill 3 [0, 4) in 0',
      'decode 1',
      'prefill 1 [16, 24) in 8',
      'decode 1',
      'prefill 4 [0, 4) in 1',
      'decode 2',
    ]);
    expect(fixture.acts(1)).toEqual(['prefill 1 [24, 32) in 8']);
    expect(long.state).toEqual({ kind: 'running', slot: 2 });
    expect(fixture.acts(2)).toEqual(['decode 3', 'prefill 2 [0, 8) in 8']);
  });

  it('leaves a sequence waiting while every slot is taken', () => {
    const fixture = new Fixture({ slots: 1 });
    const first = fixture.add(1, 1);
    fixture.add(2, 1);
    expect(fixture.acts(2)).toEqual(['prefill 1 [0, 1) in 0', 'decode 1']);
    finish(fixture.state, first, 'finished');
    expect(fixture.acts(1)).toEqual(['prefill 2 [0, 1) in 0']);
  });

  it('lets others pass a sequence that is not ready, and takes it first as soon as it is', () => {
    const fixture = new Fixture({ prefillRuns: 1 });
    const late = fixture.add(1, 1);
    late.isReady = false;
    expect(fixture.acts(1)).toEqual(['idle']);
    fixture.add(2, 1);
    fixture.add(3, 1);
    expect(fixture.acts(2)).toEqual(['prefill 2 [0, 1) in 0', 'decode 1']);
    late.isReady = true;
    expect(fixture.acts(1)).toEqual(['prefill 1 [0, 1) in 1']);
  });

  it('tells the move that fills a slot, and changes nothing before it is made', () => {
    const fixture = new Fixture({ slots: 3, prefillRuns: 3 });
    const [first] = [1, 2, 3].map((id) => fixture.add(id, 1));
    fixture.acts(3);
    if (first === undefined) throw new RangeError('three were added');
    expect(moveToFill(fixture.state, first)).toMatchObject({ sequence: { id: 3 }, from: 2, to: 0 });
    expect(fixture.running).toEqual([1, 2, 3]);
    finish(fixture.state, first, 'finished');
    expect(fixture.running).toEqual([3, 2]);
    expect(fixture.state.running[0]?.state).toEqual({ kind: 'running', slot: 0 });
  });

  it('runs a waiting sequence on a copy of what another has, while a slot is free', () => {
    const fixture = new Fixture({ slots: 2 });
    const [first, second, third] = [fixture.add(1, 4), fixture.add(2, 4), fixture.add(3, 4)];
    fixture.act();
    expect(copyToRun(fixture.state, second, first)).toEqual({ sequence: second, from: 0, to: 1 });
    expect(fixture.running).toEqual([1]);
    runOnCopy(fixture.state, second);
    expect(fixture.running).toEqual([1, 2]);
    expect(copyToRun(fixture.state, third, first)).toBeUndefined();
  });

  it('takes the slot of a background sequence for a foreground one, and lets it go on when there is room', () => {
    const fixture = new Fixture({ slots: 2, prefillRuns: 2 });
    fixture.add(1, 1, { class: 'background' });
    fixture.add(2, 1, { class: 'background' });
    fixture.acts(2);
    const urgent = fixture.add(3, 1);
    expect(fixture.acts(3)).toEqual(['preempt 2', 'decode 1', 'prefill 3 [0, 1) in 1']);
    expect(fixture.acts(2)).toEqual(['decode 2', 'decode 2']);
    finish(fixture.state, urgent, 'finished');
    expect(fixture.acts(1)).toEqual(['prefill 2 [0, 1) in 1']);
    expect(fixture.state.waiting).toEqual([]);
  });

  it('takes a preempted sequence before all others of its class', () => {
    const fixture = new Fixture({ slots: 1 });
    const first = fixture.add(1, 1, { key: 'busy' });
    fixture.act();
    fixture.add(2, 1, { key: 'new' });
    preempt(fixture.state, first);
    expect(fixture.acts(1)).toEqual(['prefill 1 [0, 1) in 0']);
  });
});

describe('the order of those that wait', () => {
  it('gives each caller a turn, whatever each asks for', () => {
    const fixture = new Fixture({ slots: 99, prefillRuns: 99, prefillChunk: 99 });
    for (let id = 0; id < 6; id++) fixture.add(id, 2, { key: 'greedy' });
    for (let id = 6; id < 8; id++) fixture.add(id, 2, { key: 'modest' });
    fixture.acts(8);
    expect(fixture.running).toEqual([0, 6, 1, 7, 2, 3, 4, 5]);
  });

  it('counts tokens, those that are drawn too', () => {
    const fixture = new Fixture({ slots: 99, prefillRuns: 1 });
    fixture.add(1, 1, { key: 'a' });
    // Three tokens are drawn for a, so that b is even with it after five.
    fixture.acts(4);
    for (const id of [2, 3]) fixture.add(id, 5, { key: 'a' });
    for (const id of [4, 5, 6]) fixture.add(id, 1, { key: 'b' });
    const order: number[] = [];
    while (order.length < 5) {
      const plan = schedule(fixture.state);
      begin(fixture.state, plan);
      if (plan.kind !== 'prefill') continue;
      order.push(plan.sequence.id);
      finish(fixture.state, plan.sequence, 'finished');
    }
    expect(order[0]).toBe(2);
    expect(order.slice(1, 4)).toEqual([4, 5, 6]);
  });
});
