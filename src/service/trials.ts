/**
 * Versions that were tried and are about to get a name. More are not kept: a trial of which nothing came ends with a later one. WHY so
 * many: a store takes in as many at once, and weights that are given back before the name has them must be read again.
 */
const mostTrials = 8;

/**
 * Tries each version once before it gets its first name, and keeps its weights in between, so that they are not prepared twice.
 */
export class Trials {
  readonly #open = new Map<string, Promise<Disposable>>();

  /**
   * Runs the trial of a version, or waits for the one that goes on.
   * @throws what `run` throws
   */
  async pass(digest: string, run: () => Promise<Disposable>): Promise<void> {
    const trial = this.#open.get(digest) ?? run();
    this.#open.set(digest, trial);
    try {
      await trial;
    } catch (error) {
      this.#open.delete(digest);
      throw error;
    }
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= mostTrials) return;
      this.end(oldest);
    }
  }

  /** Whether the version is being tried, or was and has no name yet. */
  has(digest: string): boolean {
    return this.#open.has(digest);
  }

  /** The version has a name now, or will have none. */
  end(digest: string): void {
    const trial = this.#open.get(digest);
    this.#open.delete(digest);
    // A trial that failed has told it to its caller.
    trial?.then(
      (passed) => passed[Symbol.dispose](),
      () => undefined,
    );
  }
}
