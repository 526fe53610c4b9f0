/**
 * Events that are shown together. WHY: a start with a thousand adapters tells a thousand at once.
 * @template Event
 */
export class EventBatch {
  /** @type {Event[]} */
  #waiting = [];
  #show;
  #later;

  /**
   * @param {(events: Event[]) => void} show  called with the oldest first
   * @param {(run: () => void) => unknown} later  calls a function after a moment
   */
  constructor(show, later) {
    this.#show = show;
    this.#later = later;
  }

  /** @param {Event} event */
  add(event) {
    if (this.#waiting.push(event) === 1) this.#later(() => this.flush());
  }

  /** Shows what waits now. Called when no more may come: the server is not asked for these again. */
  flush() {
    const events = this.#waiting.splice(0);
    if (events.length > 0) this.#show(events);
  }
}
