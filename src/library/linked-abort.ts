/** A controller that aborts with the first of several signals. Dispose it, so that signals that live longer forget it. */
export class LinkedAbort implements Disposable {
  readonly controller = new AbortController();
  readonly #unlink: (() => void)[] = [];

  constructor(signals: readonly (AbortSignal | undefined)[]) {
    for (const signal of signals) if (signal !== undefined) this.#link(signal);
  }

  #link(signal: AbortSignal): void {
    const abort = (): void => this.controller.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    this.#unlink.push(() => signal.removeEventListener('abort', abort));
  }

  [Symbol.dispose](): void {
    for (const unlink of this.#unlink.splice(0)) unlink();
  }
}
