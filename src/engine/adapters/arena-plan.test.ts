import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  admit,
  beginMove,
  busyEnd,
  createArenaState,
  endMove,
  isBusy,
  leave,
  planMove,
  usedRows,
  type ArenaState,
  type Tenant,
} from './arena-plan.ts';
import { ArenaModel } from '../testing/arena-model.ts';

function enter(state: ArenaState, digest: string, rank: number): Tenant {
  const begun = admit(state, [{ digest, rank }]);
  const tenant = state.tenants.get(digest);
  if (begun === undefined || tenant === undefined) throw new RangeError(`no room for ${digest}`);
  tenant.isFilled = true;
  return tenant;
}

describe('admit', () => {
  it('puts adapters side by side from the first row on', () => {
    const state = createArenaState(20);
    expect([enter(state, 'a', 2), enter(state, 'b', 3)].map(({ rows }) => rows)).toEqual([
      { start: 1, end: 3 },
      { start: 3, end: 6 },
    ]);
  });

  it('finds an adapter where it was, as long as nobody needed its rows', () => {
    const state = createArenaState(20);
    leave(state, enter(state, 'a', 2));
    expect(admit(state, [{ digest: 'a', rank: 2 }])).toEqual([]);
  });

  it('takes all adapters of a sequence in, or none', () => {
    const state = createArenaState(9);
    leave(state, enter(state, 'idle', 2));
    enter(state, 'running', 4);
    const before = [...state.tenants.values()].map((tenant) => ({ ...tenant }));
    const wanted = ['idle', 'x', 'y'].map((digest) => ({ digest, rank: 2 }));
    expect(admit(state, wanted)).toBeUndefined();
    expect([...state.tenants.values()]).toEqual(before);
  });

  it('gives away the rows of the adapter that was not used for longest', () => {
    const state = createArenaState(12);
    enter(state, 'a', 8);
    const [b, c, d] = ['b', 'c', 'd'].map((digest) => enter(state, digest, 1));
    for (const tenant of [c, b, d]) if (tenant) leave(state, tenant);
    enter(state, 'e', 1);
    expect([...state.tenants.keys()].toSorted()).toEqual(['a', 'b', 'd', 'e']);
  });
});

describe('planMove', () => {
  it('moves the highest adapter into a hole once the rows have spread', () => {
    const state = createArenaState(40);
    const tenants = ['a', 'b', 'c', 'd'].map((digest) => enter(state, digest, 4));
    const [a, b, , d] = tenants;
    if (!a || !b || !d) throw new RangeError('no tenants');
    expect(planMove(state)).toBeUndefined();
    leave(state, a);
    leave(state, b);
    const move = planMove(state);
    expect(move).toEqual({ tenant: d, to: { start: 1, end: 5 } });
    if (move === undefined) return;
    beginMove(state, move);
    expect(planMove(state)).toBeUndefined();
    expect(endMove(state, move)).toBe(true);
    expect(d.rows).toEqual({ start: 1, end: 5 });
  });

  it('leaves an adapter where it is that was let go meanwhile', () => {
    const state = createArenaState(40);
    const tenants = ['a', 'b', 'c'].map((digest) => enter(state, digest, 4));
    for (const tenant of tenants.slice(0, 2)) leave(state, tenant);
    const move = planMove(state);
    if (move === undefined) throw new RangeError('no move');
    beginMove(state, move);
    leave(state, move.tenant);
    expect([endMove(state, move), move.tenant.rows]).toEqual([false, { start: 9, end: 13 }]);
  });
});

const step = fc.record({
  kind: fc.constantFrom('enter', 'leave', 'fill', 'begin', 'end'),
  pick: fc.nat(),
  wanted: fc.uniqueArray(fc.integer({ min: 0, max: 14 }), { minLength: 1, maxLength: 3 }),
});
describe('the plan of an arena, through any order of entering, filling, leaving and moving', () => {
  it('lets no two adapters overlap, moves none by itself, and keeps what a step binds below twice what it needs', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const model = new ArenaModel();
        for (const { kind, pick, wanted } of steps) {
          if (kind === 'enter') model.enter(wanted);
          if (kind === 'leave') model.leave(pick);
          if (kind === 'fill') model.fill(pick);
          if (kind === 'begin') model.begin();
          if (kind === 'end') model.end();
          model.check();
        }
        model.settle();
        expect(busyEnd(model.state) - 1).toBeLessThanOrEqual(2 * usedRows(model.state));
        while (model.sequences.length > 0) model.leave(0);
        expect([...model.state.tenants.values()].some(isBusy)).toBe(false);
        model.enter([12]);
        expect(model.sequences).toHaveLength(1);
      }),
    );
  });

  it('keeps adapters of one rank within a quarter of what they need, once it is settled', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ isEntering: fc.boolean(), pick: fc.nat({ max: 11 }) })), (steps) => {
        const state = createArenaState(17 * 4 + 1);
        const running: Tenant[] = [];
        for (const { isEntering, pick } of steps) {
          if (isEntering) running.push(enter(state, `${pick}`, 4));
          else for (const tenant of running.splice(pick % Math.max(1, running.length), 1)) leave(state, tenant);
          for (let move = planMove(state); move !== undefined; move = planMove(state)) {
            beginMove(state, move);
            endMove(state, move);
          }
          expect(busyEnd(state) - 1).toBeLessThanOrEqual(1.25 * usedRows(state));
        }
      }),
    );
  });
});
