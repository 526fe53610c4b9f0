import { beforeEach, describe, expect, it } from 'vitest';
import { FakeTimers } from '../../core/testing/fake-timers.ts';
import { FakeLink } from '../testing/fake-link.ts';
import { askAgain, type Answered } from './ask-again.ts';

let time: FakeTimers;
let link: FakeLink;
let ending: AbortController;
beforeEach(() => {
  time = new FakeTimers();
  link = new FakeLink(time);
  ending = new AbortController();
});

type Outcome = Answered<string> | { readonly problem: string };

function ask(one: (signal: AbortSignal) => Promise<string>): { outcome: Outcome | undefined } {
  const result: { outcome: Outcome | undefined } = { outcome: undefined };
  const settings = { againMs: 2000, limitMs: 20_000, clock: time, timers: time, signal: ending.signal };
  askAgain(one, settings).then(
    (answer) => (result.outcome = answer),
    (error: Error) => (result.outcome = { problem: error.message }),
  );
  return result;
}

const after =
  (ms: number) =>
  (signal: AbortSignal): Promise<string> =>
    link.transfer('answer', ms, signal);

describe('a question', () => {
  it('is asked once where it is answered in time', async () => {
    const asked = ask(after(1500));
    await time.advanceInTurns(1500);
    expect(asked.outcome).toEqual({ answer: 'answer', asked: 1, tookMs: 1500 });
    expect([time.waiting, link.waiting]).toEqual([0, 0]);
  });

  it('is answered within one pause of the return of a link that was cut in silence', async () => {
    link.cut();
    const asked = ask(after(300));
    await time.advanceInTurns(13_500);
    link.restore();
    expect(asked.outcome).toBeUndefined();
    await time.advanceInTurns(800);
    expect(asked.outcome).toMatchObject({ answer: 'answer', asked: 8, tookMs: 300 });
    expect([time.waiting, link.waiting]).toEqual([0, 0]);
  });

  it('is answered over a link that takes longer than the pause, by the first that was asked', async () => {
    const asked = ask(after(15_000));
    await time.advanceInTurns(15_000);
    expect(asked.outcome).toMatchObject({ answer: 'answer', tookMs: 15_000 });
    expect([time.waiting, link.waiting]).toEqual([0, 0]);
  });

  it('never waits for more than five answers at once, and ends them all when its time is over', async () => {
    link.cut();
    const asked = ask(after(300));
    let most = 0;
    for (let second = 0; second < 19; second++) {
      await time.advanceInTurns(1000);
      most = Math.max(most, link.waiting);
    }
    expect([most, asked.outcome]).toEqual([5, undefined]);
    await time.advanceInTurns(1000);
    expect(asked.outcome).toEqual({ problem: 'it was asked 9 times in 20 s and has not answered' });
    expect([time.waiting, link.waiting]).toEqual([0, 0]);
  });

  it('fails as the newest one fails; an older one that fails is waited for no longer', async () => {
    const fails: ((error: Error) => void)[] = [];
    const asked = ask(() => new Promise((_, reject) => fails.push(reject)));
    await time.advanceInTurns(2000);
    fails[0]?.(new Error('no way to the host'));
    await time.advanceInTurns(100);
    expect(asked.outcome).toBeUndefined();
    fails[1]?.(new Error('not let in'));
    await time.advanceInTurns(0);
    expect([asked.outcome, time.waiting]).toEqual([{ problem: 'not let in' }, 0]);
  });

  it('ends when nobody waits for it any more', async () => {
    link.cut();
    const asked = ask(after(300));
    await time.advanceInTurns(5000);
    ending.abort(new Error('the server ends'));
    await time.advanceInTurns(0);
    expect([asked.outcome, time.waiting, link.waiting]).toEqual([{ problem: 'the server ends' }, 0, 0]);
  });
});
