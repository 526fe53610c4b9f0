import type { Clock } from '../../core/index.ts';
import type { Timers } from '../timers.ts';

/** Time that passes when a test says so. */
export class TestTime implements Clock, Timers {
  #now = 0;
  readonly #tasks = new Set<{ readonly at: number; readonly task: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): Disposable {
    const entry = { at: this.#now + ms, task };
    this.#tasks.add(entry);
    return { [Symbol.dispose]: () => void this.#tasks.delete(entry) };
  }

  pass(ms: number): void {
    this.#now += ms;
    const due = [...this.#tasks].filter(({ at }) => at <= this.#now);
    for (const entry of due) if (this.#tasks.delete(entry)) entry.task();
  }
}

/** Waits until a condition is true; it is asked again in each turn of the event loop. Fails after ten seconds. */
export async function until(condition: () => boolean | Promise<boolean>, what = 'it'): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not become true`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
