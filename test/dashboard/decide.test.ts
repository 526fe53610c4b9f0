import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AdapterEvent } from '../../dashboard/api.js';
import { bandOf, pathOf, rangeOf, roundStep } from '../../dashboard/decide/curves.js';
import { EventBatch } from '../../dashboard/decide/event-batch.js';
import { EventLines } from '../../dashboard/decide/event-lines.js';
import { filterAdapters, sortAdapters } from '../../dashboard/decide/filter.js';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
} from '../../dashboard/decide/format.js';
import { problemOf } from '../../dashboard/decide/problem.js';
import { addLook, maxLooks, rateLine, rateOf } from '../../dashboard/decide/rates.js';
import { timelineSignature } from '../../dashboard/decide/timeline-signature.js';
import { diffSentence, diffTokens, tokensOf } from '../../dashboard/decide/token-diff.js';
import { windowOfRows } from '../../dashboard/decide/window-of-rows.js';

const row = (name: string, more: object = {}) => ({
  name,
  tier: 'disk',
  state: 'serving',
  version: 'abcdef',
  breaker: null as string | null,
  draining: false,
  pinned: false,
  failed: 0,
  leases: 0,
  created: '2026-11-30T12:00:00.000Z',
  rate: 0 as number | undefined,
  ...more,
});

describe('events that come close together', () => {
  it('are shown together, after a moment or when the stream breaks', () => {
    const [shown, later]: [number[][], (() => void)[]] = [[], []];
    const batch = new EventBatch<number>(
      (events) => void shown.push(events),
      (run) => later.push(run),
    );
    for (const event of [1, 2]) batch.add(event);
    expect([shown, later.length]).toEqual([[], 1]);
    later[0]?.();
    batch.add(3);
    batch.flush();
    later[1]?.();
    expect(shown).toEqual([[1, 2], [3]]);
  });
});

describe('the signature of the timeline', () => {
  const event = (id: string, name: string | null = 'a') => ({ id, name, version: 'v1' }) as AdapterEvent;
  const signature = (ids: readonly string[], most = 2, more: Partial<Parameters<typeof timelineSignature>[0]> = {}) =>
    timelineSignature({ found: ids.map((id) => event(id)), most, adapters: [], isEmpty: false, ...more });

  it('is the same for the same events', () => {
    expect(signature(['1', '2', '3'])).toBe(signature(['1', '2', '4']));
  });

  it('is another one for another event in the middle, more of them, none at all, and another name of a version', () => {
    const found = [event('1', null)];
    const named = (name: string): string => signature([], 2, { found, adapters: [{ name, version: 'v1' }] });
    const all = [
      signature([]),
      signature([], 2, { isEmpty: true }),
      signature(['1', '2']),
      signature(['1', '3']),
      signature(['1', '2', '3']),
      signature(['1', '2', '3'], 3),
      named('a'),
      named('b'),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('the search for adapters', () => {
  const rows = [
    row('claims-10', { tier: 'active', rate: 3 }),
    row('claims-9', { failed: 2, breaker: 'open' }),
    row('legal', { draining: true, version: '123456', created: '2026-11-30T13:00:00.000Z' }),
    row('triage', { state: 'failed', pinned: true, rate: undefined }),
  ];

  it.each([
    ['', ['claims-10', 'claims-9', 'legal', 'triage']],
    ['CLAIMS', ['claims-10', 'claims-9']],
    ['claims 9', ['claims-9']],
    ['1234', ['legal']],
    ['234', []],
    ['is:failing', ['claims-9', 'triage']],
    ['is:open', ['claims-9']],
    ['is:draining', ['legal']],
    ['is:pinned', ['triage']],
    ['is:active', ['claims-10']],
    ['active', ['claims-10']],
    ['is:nothing', []],
  ])('finds for "%s"', (search, names) => {
    expect(filterAdapters(rows, search).map(({ name }) => name)).toEqual(names);
  });

  it.each([
    ['name', ['claims-9', 'claims-10', 'legal', 'triage']],
    ['rate', ['claims-10', 'claims-9', 'legal', 'triage']],
    ['failed', ['claims-9', 'claims-10', 'legal', 'triage']],
    ['age', ['legal', 'claims-9', 'claims-10', 'triage']],
  ])('orders by %s', (by, names) => {
    expect(sortAdapters(rows, by).map(({ name }) => name)).toEqual(names);
  });
});

describe('rates', () => {
  const looks = (...values: (number | undefined)[]) => values.map((value, at) => ({ time: at * 2000, value }));
  const counter = (value: number | undefined): number | undefined => value;

  it('are those of the last seconds', () => {
    expect(rateOf(looks(0, 10, 20), counter)).toBe(5);
    expect(rateOf(looks(...Array.from({ length: 100 }, (_, at) => (at < 50 ? 0 : (at - 49) * 4))), counter)).toBe(2);
  });

  it('do not fall below zero when a server begins anew', () => {
    expect(rateOf(looks(1000, 1010, 0, 4), counter)).toBe(2);
    expect(rateLine(looks(1000, 0, 4), counter)).toEqual([{ x: 4000, y: 2 }]);
  });

  it('are unknown until there are two looks, and where nothing was counted', () => {
    expect(rateOf(looks(), counter)).toBeUndefined();
    expect(rateOf(looks(4), counter)).toBeUndefined();
    expect(rateOf(looks(4, undefined), counter)).toBeUndefined();
  });

  it('are made of a bounded number of looks', () => {
    let kept: readonly { time: number; value: number }[] = [];
    for (let at = 0; at < 2 * maxLooks; at++) kept = addLook(kept, { time: at, value: at });
    expect([kept.length, kept.at(-1)?.value]).toEqual([maxLooks, 2 * maxLooks - 1]);
  });
});

describe('the comparison of answers', () => {
  const tokens = (text: string) => [...text].map((letter) => ({ text: letter, logprob: null }));

  it('marks what only one has, and finds the first difference', () => {
    const diff = diffTokens(tokens('due in 30 days.'), tokens('due in 14 days.'));
    expect(diff).toMatchObject({ first: 7, common: 13 });
    expect(diff.left.map((isShared, at) => (isShared ? '' : 'due in 30 days.'[at])).join('')).toBe('30');
    expect(diffSentence(diff)).toBe('They differ from token 8 on. 13 of 15 and 15 tokens are in both.');
  });

  it('says that answers are the same, or that one goes on', () => {
    expect(diffSentence(diffTokens(tokens('yes'), tokens('yes')))).toBe('Both answers are the same: 3 tokens.');
    expect(diffTokens(tokens('yes'), tokens('yes!')).first).toBe(3);
    expect(diffSentence(diffTokens([], []))).toBe('Both answers are empty.');
  });

  it('keeps the same tokens of both, in the same order, as many as there can be', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const { left, right, common, first } = diffTokens(tokens(a), tokens(b));
        const kept = (of: string, marks: readonly boolean[]): string => [...of].filter((_, at) => marks[at]).join('');
        expect(kept(a, left)).toBe(kept(b, right));
        expect(common).toBe(longestCommon(a, b));
        expect(first === undefined).toBe(a === b);
      }),
    );
  });

  it('ends for long answers that have nothing in common', () => {
    const diff = diffTokens(tokens('a'.repeat(3000)), tokens('b'.repeat(3000)));
    expect(diff).toMatchObject({ first: 0, common: 0 });
  });

  it('reads the tokens of both APIs', () => {
    const token = { text: 'x', logprob: -1 };
    expect(tokensOf({ choices: [{ logprobs: { content: [{ token: 'x', logprob: -1 }] } }] })).toEqual([token]);
    expect(tokensOf({ choices: [{ logprobs: { tokens: ['x'], token_logprobs: [-1] } }] })).toEqual([token]);
    expect(tokensOf({ choices: [{ logprobs: null }] })).toBeUndefined();
    expect(tokensOf('no answer')).toBeUndefined();
  });
});

/** By trying everything. */
function longestCommon(a: string, b: string, known = new Map<string, number>()): number {
  if (a === '' || b === '') return 0;
  const found = known.get(`${a} ${b}`);
  if (found !== undefined) return found;
  const [restA, restB] = [a.slice(1), b.slice(1)];
  const most =
    a[0] === b[0]
      ? 1 + longestCommon(restA, restB, known)
      : Math.max(longestCommon(restA, b, known), longestCommon(a, restB, known));
  known.set(`${a} ${b}`, most);
  return most;
}

describe('server-sent events', () => {
  const text = ': ping\n\nevent: adapter\nid: ab-1\ndata: {"a":\ndata: 1}\n\r\ndata: x\r\n\r\n';

  it('are read however the text is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const lines = new EventLines();
        const events = places.flatMap((from, at) => lines.push(text.slice(from, places[at + 1] ?? text.length)));
        expect(events).toEqual([
          { name: 'adapter', id: 'ab-1', data: '{"a":\n1}' },
          { name: 'message', id: undefined, data: 'x' },
        ]);
      }),
    );
  });
});

describe('the rows that are drawn', () => {
  it('are those that are seen, and the pixels of all rows stay the same', () => {
    const any = fc.record({ count: fc.nat(3000), top: fc.nat(200_000), height: fc.nat(2000) });
    fc.assert(
      fc.property(any, ({ count, top, height }) => {
        const rowHeight = 43;
        const { first, end, before, after } = windowOfRows({ count, rowHeight, top, height });
        expect(before + (end - first) * rowHeight + after).toBe(count * rowHeight);
        expect(end - first).toBeLessThanOrEqual(Math.ceil(height / rowHeight) + 18);
        for (let at = Math.floor(top / rowHeight); at * rowHeight < Math.min(top + height, count * rowHeight); at++) {
          expect(at >= first && at < end).toBe(true);
        }
      }),
    );
  });
});

describe('refusals', () => {
  it.each([
    [{ status: 0 }, 'does not answer', false],
    [{ status: 401, code: 'api_key_invalid', message: 'The key is wrong.' }, 'Enter a key', true],
    [{ status: 403, code: 'admin_key_missing', message: 'No key.' }, "the server's own machine", true],
    [{ status: 409, code: 'adapter_version_conflict', message: 'It moved.' }, 'decide again', false],
    [{ status: 429, code: 'queue_full', message: 'Full.' }, 'Try again', false],
    [{ status: 500 }, 'status 500', false],
  ])('%o say what to do', (refusal, text, wantsKey) => {
    const problem = problemOf({ code: undefined, message: undefined, ...refusal });
    expect([problem.text.includes(text), problem.wantsKey]).toEqual([true, wantsKey]);
  });
});

describe('charts', () => {
  it('have ranges with round ends that hold every value', () => {
    expect(rangeOf([3, 97], { least: 0 })).toEqual({ from: 0, to: 100 });
    expect(rangeOf([], {})).toEqual({ from: 0, to: 1 });
    expect(rangeOf([5, 5]).to).toBeGreaterThan(5);
    expect(rangeOf([0, 5e-324])).toEqual({ from: 0, to: 1 });
    expect([roundStep(0.03), roundStep(7), roundStep(10)]).toEqual([0.05, 10, 10]);
    const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(values, (all) => {
        const { from, to } = rangeOf(all);
        // The ends are multiples of a step, to within the last digits of a float.
        const slack = (to - from) * 1e-6;
        expect(from - slack <= Math.min(...all) && to + slack >= Math.max(...all) && to > from).toBe(true);
      }),
    );
  });

  it('draw the largest value on top', () => {
    const box = { width: 100, height: 50, x: { from: 0, to: 10 }, y: { from: 0, to: 1 } };
    const points = [
      { x: 0, y: 0 },
      { x: 10, y: 1 },
    ];
    expect(pathOf(points, box)).toBe('M0.0 50.0L100.0 0.0');
  });

  it('goes around a band, within its box', () => {
    const box = { width: 100, height: 50, x: { from: 0, to: 10 }, y: { from: 0, to: 1 } };
    const spans = [
      { x: 0, least: 0, most: 4 },
      { x: 10, least: 0.4, most: 0.6 },
    ];
    expect(bandOf(spans, box)).toBe('M0.0 0.0L100.0 20.0L100.0 30.0L0.0 50.0Z');
    expect(bandOf([], box)).toBe('');
  });
});

describe('numbers', () => {
  it.each([
    [formatCount(1234), '1234'],
    [formatCount(12_345), '12.3 k'],
    [formatCount(2_500_000), '2.5 M'],
    [formatCount(null), '–'],
    [formatRate(0.01), '<0.1'],
    [formatRate(2.34), '2.3'],
    [formatRate(undefined), '–'],
    [formatDuration(0.2), '<1 ms'],
    [formatDuration(1500), '1.5 s'],
    [formatDuration(600_000), '10 min'],
    [formatAge('2026-11-30T12:00:00Z', Date.parse('2026-11-30T15:00:00Z')), '3 h'],
    [formatAge('no time', 0), '–'],
    [formatBytes(1_500_000), '1.5 MB'],
    [formatShare(0.0213), '2.1 %'],
    [formatShare(1), '100 %'],
  ])('are written as %s', (written, expected) => {
    expect(written).toBe(expected);
  });
});
