import { beforeEach, describe, expect, it } from 'vitest';
import { FakeTimers } from '../../core/testing/fake-timers.ts';
import { FakeLink } from '../testing/fake-link.ts';
import { askAgain } from './ask-again.ts';
import { watchFetch } from './watch-fetch.ts';

let time: FakeTimers;
let link: FakeLink;
let ending: AbortController;
let [fetches, questions] = [0, 0];
beforeEach(() => {
  time = new FakeTimers();
  link = new FakeLink(time);
  ending = new AbortController();
  [fetches, questions] = [0, 0];
});

type Fetch = (signal: AbortSignal, onSign: () => void) => Promise<string>;

function watch(fetch: Fetch): { outcome: string | undefined } {
  const result: { outcome: string | undefined } = { outcome: undefined };
  const limits = { againMs: 2000, limitMs: 20_000, clock: time, timers: time };
  const ask = async (signal: AbortSignal): Promise<number> => {
    questions++;
    return (await askAgain((one) => link.transfer('answer', 300, one), { ...limits, signal })).asked;
  };
  const options = {
    quietMs: 3000,
    lostMs: 20_000,
    silenceMs: 60_000,
    clock: time,
    timers: time,
    signal: ending.signal,
  };
  const counted: Fetch = (signal, onSign) => {
    fetches++;
    return fetch(signal, onSign);
  };
  watchFetch({ ...options, fetch: counted, ask }).then(
    (fetched) => (result.outcome = fetched),
    (error: Error) => (result.outcome = error.message),
  );
  return result;
}

/** A fetch of so many parts, of which one comes each second. */
const inParts =
  (parts: number): Fetch =>
  async (signal, onSign) => {
    for (let part = 0; part < parts; part++) {
      await link.transfer(part, 1000, signal);
      onSign();
    }
    return 'fetched';
  };

/** A fetch that is busy and says nothing. */
const inSilence =
  (ms: number): Fetch =>
  async (signal) => {
    await link.transfer('fetched', ms, signal);
    return 'fetched';
  };

describe('a fetch', () => {
  it('takes as long as something comes, without a question', async () => {
    const watched = watch(inParts(600));
    await time.advanceInTurns(599_000);
    expect(watched.outcome).toBeUndefined();
    await time.advanceInTurns(1000);
    expect([watched.outcome, fetches, questions, time.waiting]).toEqual(['fetched', 1, 0, 1]);
    await time.advanceInTurns(3000);
    expect(time.waiting).toBe(0);
  });

  it('is left to what it does in silence while the source answers at once', async () => {
    const watched = watch(inSilence(50_000));
    await time.advanceInTurns(50_000);
    expect([watched.outcome, fetches, questions > 10]).toEqual(['fetched', 1, true]);
  });

  it.each([4000, 10_000, 16_000])(
    'that was under way when the link was cut for %i ms is begun anew within a pause of its return',
    async (cutMs) => {
      const watched = watch(inParts(10));
      await time.advanceInTurns(4500);
      link.cut();
      await time.advanceInTurns(cutMs);
      expect([watched.outcome, fetches]).toEqual([undefined, 1]);
      link.restore();
      await time.advanceInTurns(2400);
      expect(fetches).toBe(2);
      await time.advanceInTurns(10_000);
      expect([watched.outcome, link.waiting]).toEqual(['fetched', 0]);
    },
  );

  it('is ended where the source answers to no question either, with its reason', async () => {
    const watched = watch(inParts(10));
    await time.advanceInTurns(4500);
    link.cut();
    await time.advanceInTurns(27_000);
    const problem = 'it was asked 9 times in 20 s and has not answered';
    expect([watched.outcome, fetches, link.waiting]).toEqual([problem, 1, 0]);
  });

  it('is not begun anew where it goes on by itself', async () => {
    let goOn = (): void => undefined;
    const watched = watch(
      (_, onSign) =>
        new Promise((resolve) => {
          goOn = () => {
            onSign();
            time.after(1000, () => resolve('fetched'));
          };
        }),
    );
    await time.advanceInTurns(1000);
    link.cut();
    await time.advanceInTurns(6000);
    goOn();
    link.restore();
    await time.advanceInTurns(3000);
    expect([watched.outcome, fetches]).toEqual(['fetched', 1]);
  });

  it('is ended where nothing comes of it for a minute', async () => {
    const watched = watch(inSilence(1e9));
    await time.advanceInTurns(70_000);
    expect([watched.outcome, link.waiting]).toEqual(['nothing came of the fetch for 60 s', 0]);
  });

  it('fails with its own error, and ends when nobody waits for it any more', async () => {
    const failed = watch(() => Promise.reject(new Error('not let in')));
    await time.advanceInTurns(0);
    expect(failed.outcome).toBe('not let in');
    const ended = watch(inSilence(1e9));
    await time.advanceInTurns(4000);
    ending.abort(new Error('the server ends'));
    await time.advanceInTurns(5000);
    expect([ended.outcome, link.waiting, time.waiting]).toEqual(['the server ends', 0, 0]);
  });
});
