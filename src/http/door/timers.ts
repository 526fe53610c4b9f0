import type { Timers } from '../../core/index.ts';

export { systemTimers, type Timers } from '../../core/index.ts';

/** Runs a function again and again, each time so long after it has ended, until it is disposed. */
export function repeat(timers: Timers, everyMs: number, run: () => Promise<void> | void): Disposable {
  let isOver = false;
  let cancel: (() => void) | undefined;
  const next = (): void => {
    if (isOver) return;
    cancel = timers.after(everyMs, () => {
      const running = run();
      if (running) void running.finally(next);
      else next();
    });
  };
  next();
  return {
    [Symbol.dispose]() {
      isOver = true;
      cancel?.();
    },
  };
}
