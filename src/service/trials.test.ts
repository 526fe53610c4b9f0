import { expect, it } from 'vitest';
import { Trials } from './trials.ts';

class Trial implements Disposable {
  ended = 0;
  [Symbol.dispose](): void {
    this.ended++;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('tries a version once for all who wait, and keeps it until it has a name', async () => {
  const trials = new Trials();
  const trial = new Trial();
  let runs = 0;
  const run = async (): Promise<Trial> => {
    runs++;
    await turn();
    return trial;
  };
  await Promise.all([trials.pass('a', run), trials.pass('a', run)]);
  expect([runs, trial.ended, trials.has('a')]).toEqual([1, 0, true]);
  trials.end('a');
  trials.end('a');
  await turn();
  expect([trial.ended, trials.has('a')]).toEqual([1, false]);
});

it('tells a failure to all who wait, and tries again later', async () => {
  const trials = new Trials();
  const failing = async (): Promise<Trial> => {
    await turn();
    throw new Error('not finite');
  };
  const both = await Promise.allSettled([trials.pass('a', failing), trials.pass('a', failing)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await trials.pass('a', async () => new Trial());
  expect(trials.has('a')).toBe(true);
});

it('keeps no more than sixteen trials of which nothing comes', async () => {
  const trials = new Trials();
  const made = Array.from({ length: 17 }, () => new Trial());
  for (const [i, trial] of made.entries()) await trials.pass(String(i), async () => trial);
  await turn();
  expect(made.map(({ ended }) => ended)).toEqual([1, ...Array<number>(16).fill(0)]);
});

it('runs a trial again whose outcome is not that of every other', async () => {
  const trials = new Trials();
  const ran: string[] = [];
  const run = (what: string) => async (): Promise<Trial> => {
    ran.push(what);
    return new Trial();
  };
  await trials.pass('a', run('shared'));
  await trials.pass('a', run('its own'), { isShared: false });
  await trials.pass('a', run('its own'), { isShared: false });
  await trials.pass('a', run('shared'));
  expect(ran).toEqual(['shared', 'its own', 'its own']);
  trials.end('a');
  expect(trials.has('a')).toBe(false);
});
