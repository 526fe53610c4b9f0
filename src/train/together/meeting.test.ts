import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Meeting } from './meeting.ts';
import { planPasses } from './plan-passes.ts';

describe('a meeting', () => {
  it('answers together what all present members ask, whenever they ask and leave', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 5 }),
        fc.scheduler(),
        async (turns, scheduler) => {
          const held: number[][] = [];
          const meeting = new Meeting<number, string>({
            members: turns.length,
            hold: async (requests, give) => {
              held.push([...requests.keys()]);
              for (const [member, turn] of requests) {
                give(member, { status: 'fulfilled', value: `${member} ${turn}` });
                await scheduler.schedule(Promise.resolve());
              }
            },
          });
          const members = turns.map(async (count, member) => {
            for (let turn = 0; turn < count; turn++) {
              await scheduler.schedule(Promise.resolve());
              expect(await meeting.ask(member, turn)).toBe(`${member} ${turn}`);
            }
            meeting.leave(member);
          });
          await scheduler.waitFor(Promise.all(members));
          await meeting.over;
          // In each round are the members that have not had all their turns, in order, whatever the order of asking.
          const expected = Array.from({ length: Math.max(...turns) }, (_, round) =>
            turns.flatMap((count, member) => (count > round ? [member] : [])),
          );
          expect(held).toEqual(expected);
        },
      ),
    );
  });

  it('tells each member its own error, and the others go on', async () => {
    const meeting = new Meeting<string, string>({
      members: 2,
      hold: async (requests, give) => {
        for (const [member, request] of requests) {
          if (request === 'bad') throw new Error('no');
          give(member, { status: 'fulfilled', value: request });
        }
      },
      choose: (all) => (all.size > 1 ? new Map([...all].filter(([member]) => member === 0)) : all),
    });
    const [first, second] = [meeting.ask(0, 'bad'), meeting.ask(1, 'good')];
    await expect(first).rejects.toThrow('no');
    meeting.leave(0);
    await expect(second).resolves.toBe('good');
    expect(() => meeting.ask(0, 'late')).toThrow(TypeError);
  });
});

it('lets a member go on that has its answer, while another waits for its own', async () => {
  let end: () => void = () => undefined;
  const rest = new Promise<void>((resolve) => (end = resolve));
  const held: number[][] = [];
  const meeting = new Meeting<string, string>({
    members: 2,
    hold: async (requests, give) => {
      held.push([...requests.keys()]);
      for (const [member, value] of requests) {
        if (member === 1 && held.length === 1) await rest;
        give(member, { status: 'fulfilled', value });
      }
    },
  });
  const second = meeting.ask(1, 'b');
  expect(await meeting.ask(0, 'a')).toBe('a');
  const next = meeting.ask(0, 'c');
  expect(held).toEqual([[0, 1]]);
  end();
  expect(await second).toBe('b');
  meeting.leave(1);
  expect(await next).toBe('c');
  expect(held).toEqual([[0, 1], [0]]);
});

describe('the passes of several lanes', () => {
  const costOf = ({ rows, longest, tokens }: { rows: number; longest: number; tokens: number }): number =>
    tokens + 0.1 * rows * longest * longest + 64;

  it('hold each lane once, and at most so many tokens', () => {
    const lane = fc.record({ rows: fc.integer({ min: 1, max: 8 }), longest: fc.integer({ min: 1, max: 600 }) });
    fc.assert(
      fc.property(
        fc.array(lane, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 5000 }),
        (list, maxTokens) => {
          const lanes = list.map(({ rows, longest }, number) => ({
            lane: number,
            rows,
            longest,
            tokens: rows * longest,
          }));
          const passes = planPasses(lanes, { costOf, maxTokens });
          expect(passes.flat().sort((a, b) => a - b)).toEqual(lanes.map((each) => each.lane));
          for (const pass of passes) {
            const tokens = pass.reduce((sum, number) => sum + (lanes[number]?.tokens ?? 0), 0);
            expect(pass.length === 1 || tokens <= maxTokens).toBe(true);
          }
        },
      ),
    );
  });

  it('join what is alike, and not the long with the short', () => {
    const short = [0, 1, 2].map((lane) => ({ lane, rows: 4, longest: 30, tokens: 120 }));
    const long = { lane: 3, rows: 1, longest: 2000, tokens: 2000 };
    expect(planPasses([...short, long], { costOf, maxTokens: 9999 })).toEqual([[0, 1, 2], [3]]);
  });
});
