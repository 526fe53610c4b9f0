import { expect, it } from 'vitest';
import { LateWork } from './late-work.ts';

/** Timers that run when they are told to. */
function heldTimers() {
  const waiting = new Set<() => void>();
  return {
    waiting,
    after(_ms: number, run: () => void) {
      waiting.add(run);
      return () => void waiting.delete(run);
    },
    ring() {
      const due = [...waiting];
      waiting.clear();
      for (const run of due) {
        run();
      }
    },
  };
}

it('late work waits for one timer, and is done in its order', async () => {
  const timers = heldTimers();
  const late = new LateWork(timers);
  const done: number[] = [];
  for (const n of [1, 2, 3]) late.add(() => void done.push(n));
  expect([done, timers.waiting.size]).toEqual([[], 1]);
  timers.ring();
  expect([done, timers.waiting.size]).toEqual([[1, 2, 3], 0]);
  late.add(() => void done.push(4));
  expect(timers.waiting.size).toBe(1);
});

it('late work is finished at once where something depends on it', () => {
  const timers = heldTimers();
  const late = new LateWork(timers);
  const done: number[] = [];
  late.add(() => void done.push(1));
  late.finish();
  expect([done, timers.waiting.size]).toEqual([[1], 0]);
});

it('late work is done by one at a time, in its order, also while more comes than it waits for', async () => {
  const late = new LateWork(heldTimers());
  const done: number[] = [];
  const slow = (n: number): void => {
    const end = performance.now() + 0.05;
    while (performance.now() < end);
    done.push(n);
  };
  for (let n = 0; n < 256; n++) late.add(() => slow(n));
  const first = done.length;
  for (let n = 256; n < 600; n++) late.add(() => slow(n));
  expect([first > 0, done.length]).toEqual([true, first]);
  while (done.length < 600) await new Promise((resolve) => setImmediate(resolve));
  expect(done).toEqual(Array.from({ length: 600 }, (_, n) => n));
});

it('late work does not wait without bound', () => {
  const late = new LateWork(heldTimers());
  let done = 0;
  for (let n = 0; n < 600; n++) late.add(() => void done++);
  expect(done).toBeGreaterThan(0);
});
