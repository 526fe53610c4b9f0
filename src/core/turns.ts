/** Runs tasks with the same key one after the other, in the order of the calls. Tasks with other keys do not wait. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** @returns the task's result; a task that fails does not block the tasks after it */
  async take<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const turn = before === undefined ? task() : before.then(task, task);
    this.#last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    }
  }
}
