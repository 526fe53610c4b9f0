/**
 * Versions that were tried and are about to get a name. More are not kept: a trial of which nothing came ends with a later one. WHY so
 * many: a store takes in as many at once, and weights that are given back before the name has them must be read again.
 */
const mostTrials = 16;

interface Open {
  readonly digest: string;
  readonly trial: Promise<Disposable>;
  /** Whether its outcome is that of every trial of the version. */
  readonly isShared: boolean;
}

/**
 * Tries versions before they get a name, and keeps their weights in between, so that they are not prepared twice.
 */
export class Trials {
  readonly #open = new Set<Open>();

  /**
   * Runs the trial of a version.
   * @param isShared  whether every trial of the version has the same outcome: it then waits for one that goes on, and takes one that has passed
   * @throws what `run` throws
   */
  async pass(
    digest: string,
    run: () => Promise<Disposable>,
    { isShared = true }: { readonly isShared?: boolean } = {},
  ): Promise<void> {
    const known = [...this.#open].find((open) => open.isShared && isShared && open.digest === digest);
    const open = known ?? { digest, trial: run(), isShared };
    this.#open.add(open);
    try {
      await open.trial;
    } catch (error) {
      this.#open.delete(open);
      throw error;
    }
    for (const oldest of this.#open) {
      if (this.#open.size <= mostTrials) return;
      this.#end(oldest);
    }
  }

  /** Whether the version is being tried, or was and has no name yet. */
  has(digest: string): boolean {
    return [...this.#open].some((open) => open.digest === digest);
  }

  /** The version has a name now, or will have none. */
  end(digest: string): void {
    for (const open of this.#open) if (open.digest === digest) this.#end(open);
  }

  #end(open: Open): void {
    this.#open.delete(open);
    // A trial that failed has told it to its caller.
    open.trial.then(
      (passed) => passed[Symbol.dispose](),
      () => undefined,
    );
  }
}
