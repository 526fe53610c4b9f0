import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Item, MessageItem } from '../items.ts';
import { ResponseStore, type ResponseLimits } from './response-store.ts';
import type { KeptResponse } from './shelf.ts';

const message = (id: string, text = id): MessageItem => ({
  type: 'message',
  id,
  role: 'user',
  status: 'completed',
  content: [{ type: 'input_text', text }],
});

/** A response `id` with one item of input and one of output. */
const kept = (id: string, text?: string): KeptResponse => ({
  response: { id },
  input: [message(`in-${id}`, text)],
  output: [message(`out-${id}`)],
});

const idsOf = (items: readonly Item[] | undefined): string[] | undefined => items?.map(({ id }) => id);

const limits: ResponseLimits = { count: 100, bytes: 1e6, ageMs: 1000 };

function storeOf(given: Partial<ResponseLimits> = {}): { store: ResponseStore; clock: { time: number } } {
  const clock = { time: 0 };
  return { store: new ResponseStore({ ...limits, ...given }, { now: () => clock.time }), clock };
}

describe('ResponseStore', () => {
  it('finds a response with all that came before it', () => {
    const { store } = storeOf();
    store.put('a', kept('1'));
    store.put('a', kept('2'), '1');
    store.put('a', kept('3'), '2');
    expect(store.find('a', '2')?.kept).toEqual(kept('2'));
    expect(idsOf(store.find('a', '3')?.history())).toEqual(['in-1', 'out-1', 'in-2', 'out-2', 'in-3', 'out-3']);
    expect(idsOf(store.find('a', '1')?.history())).toEqual(['in-1', 'out-1']);
  });

  it('keeps the responses and items of each owner from the others', () => {
    const { store } = storeOf();
    store.put('a', kept('1'));
    expect([store.find('b', '1'), store.findItem('b', 'out-1'), store.drop('b', '1')]).toEqual([
      undefined,
      undefined,
      false,
    ]);
    expect(store.find('a', '1')).toBeDefined();
    expect(store.findItem('a', 'out-1')?.id).toBe('out-1');
  });

  it('goes on from a response whose first ones were dropped', () => {
    const { store } = storeOf();
    store.put('a', kept('1'));
    store.put('a', kept('2'), '1');
    expect([store.drop('a', '1'), store.drop('a', '1')]).toEqual([true, false]);
    expect([store.find('a', '1'), store.findItem('a', 'in-1')]).toEqual([undefined, undefined]);
    expect(idsOf(store.find('a', '2')?.history())).toEqual(['in-1', 'out-1', 'in-2', 'out-2']);
    store.drop('a', '2');
    expect(store.used).toEqual({ count: 0, bytes: 0 });
  });

  it('drops what was used longest ago when there are too many', () => {
    const { store } = storeOf({ count: 2 });
    for (const id of ['1', '2']) store.put('a', kept(id));
    store.findItem('a', 'out-1');
    store.put('a', kept('3'));
    expect(['1', '2', '3'].map((id) => store.find('a', id) !== undefined)).toEqual([true, false, true]);
  });

  it('drops of the owner that keeps the most', () => {
    const { store } = storeOf({ count: 4 });
    store.put('quiet', kept('0'));
    for (let id = 1; id < 50; id++) store.put('loud', kept(String(id)));
    expect(store.find('quiet', '0')).toBeDefined();
    expect(store.used.count).toBe(4);
  });

  it('drops what nobody has used for long', () => {
    const { store, clock } = storeOf();
    for (const id of ['1', '2']) store.put('a', kept(id));
    clock.time = 900;
    store.find('a', '2');
    clock.time = 1001;
    expect([store.find('a', '1'), store.find('a', '2')?.kept.response.id]).toEqual([undefined, '2']);
    expect(store.used.count).toBe(1);
  });

  it('finds what a request sent again with the response that had it first', () => {
    const { store } = storeOf();
    store.put('a', kept('1'));
    store.put('a', { ...kept('2'), input: [message('out-1'), message('in-2')] });
    store.drop('a', '2');
    expect(store.findItem('a', 'out-1')?.id).toBe('out-1');
  });

  it('keeps nothing without room', () => {
    for (const given of [{ count: 0 }, { bytes: 100 }]) {
      const { store } = storeOf(given);
      store.put('a', kept('1'));
      expect([store.find('a', '1'), store.used]).toEqual([undefined, { count: 0, bytes: 0 }]);
    }
  });

  it('stays within its bounds, and counts what it holds, whatever happens', () => {
    const id = fc.integer({ min: 0, max: 30 }).map(String);
    const owner = fc.constantFrom('a', 'b');
    const step = fc.oneof(
      fc.record({ put: id, owner, previous: fc.option(id, { nil: undefined }), length: fc.nat(400) }),
      fc.record({ find: id, owner }),
      fc.record({ drop: id, owner }),
      fc.record({ wait: fc.nat(300) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const bounds = { count: 8, bytes: 6000 };
        const { store, clock } = storeOf(bounds);
        const seen = new Map<string, string[]>();
        let number = 0;
        for (const one of steps) {
          if ('put' in one) {
            const fresh = `${one.put}-${number++}`;
            const previous = [...seen.keys()].findLast((key) => key.startsWith(`${one.owner} ${one.previous ?? '-'}-`));
            const before = previous?.split(' ')[1];
            const history = before === undefined ? undefined : idsOf(store.find(one.owner, before)?.history());
            store.put(one.owner, kept(fresh, 'x'.repeat(one.length)), before);
            seen.set(`${one.owner} ${fresh}`, [...(history ?? []), `in-${fresh}`, `out-${fresh}`]);
          } else if ('find' in one) store.find(one.owner, one.find);
          else if ('drop' in one) store.drop(one.owner, one.drop);
          else clock.time += one.wait;
          expect(store.used.count).toBeLessThanOrEqual(bounds.count);
          expect(store.used.bytes).toBeLessThanOrEqual(bounds.bytes);
        }
        for (const [key, history] of seen) {
          const [who = '', fresh = ''] = key.split(' ');
          const found = idsOf(store.find(who, fresh)?.history());
          expect(found ?? history).toEqual(history);
          store.drop(who, fresh);
        }
        expect(store.used).toEqual({ count: 0, bytes: 0 });
      }),
    );
  });
});
