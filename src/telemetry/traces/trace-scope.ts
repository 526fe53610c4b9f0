import { AsyncLocalStorage } from 'node:async_hooks';

interface Entered<Trace> {
  readonly trace: Trace;
  isOpen: boolean;
}

/**
 * The trace to which work belongs, found again in whatever the work calls, awaits and begins, until it has ended. What it leaves behind
 * belongs to no trace.
 *
 * WHY it is switched off while no work is in it: Node 20 follows contexts by a hook on every promise of the process, and an answer takes
 * hundreds of promises that need none.
 */
export class TraceScope<Trace extends object> {
  readonly #storage = new AsyncLocalStorage<Entered<Trace>>();
  #open = 0;

  get current(): Trace | undefined {
    const entered = this.#storage.getStore();
    return entered?.isOpen === true ? entered.trace : undefined;
  }

  /** @param work  has ended when it returns, or when the promise that it returns is settled */
  run<T>(trace: Trace, work: () => T): T {
    const entered = { trace, isOpen: true };
    this.#open++;
    const leave = (): void => {
      entered.isOpen = false;
      this.#open--;
      if (this.#open === 0) this.#storage.disable();
    };
    let result: T;
    try {
      result = this.#storage.run(entered, work);
    } catch (error) {
      leave();
      throw error;
    }
    if (result instanceof Promise) void result.then(leave, leave);
    else leave();
    return result;
  }
}
