import { systemTimers as coreTimers, type Timers } from '../../core/index.ts';

export type { Timers } from '../../core/index.ts';

/**
 * The system's timers, each a turn of the event loop later.
 *
 * WHY: where the process stood still, timers come before what arrived meanwhile. A client has been silent only if nothing is there then.
 */
export const systemTimers: Timers = {
  after(ms, run) {
    let turn: NodeJS.Immediate | undefined;
    const cancel = coreTimers.after(ms, () => (turn = setImmediate(run)));
    return () => {
      cancel();
      clearImmediate(turn);
    };
  },
};

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
