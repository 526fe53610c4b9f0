import { expect, it } from 'vitest';
import { TrainingTime } from './training-time.ts';

it('adds up the time of trainings that run, and of those that have ended or failed', async () => {
  let now = 1000;
  const time = new TrainingTime({ now: () => now });
  let [end, fail] = [() => undefined as void, () => undefined as void];
  const first = new Promise<void>((resolve) => (end = resolve));
  const second = new Promise<void>((_, reject) => (fail = () => reject(new Error('no'))));
  time.count(first);
  now += 2000;
  time.count(second);
  now += 500;
  expect(time.seconds).toBe(3);
  end();
  await first;
  now += 1000;
  expect(time.seconds).toBe(4);
  fail();
  await second.catch(() => undefined);
  now += 1000;
  expect(time.seconds).toBe(4);
});
