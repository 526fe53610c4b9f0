import type { SequenceAdapters } from '../adapters/sequence-adapters.ts';

/** A sequence that waits, as far as its adapters are concerned. */
export interface Activatable {
  readonly id: number;
  readonly ownAdapters: SequenceAdapters;
  /** The same in neighbours with the same adapters. */
  readonly group: object | undefined;
}

export interface FailedActivation {
  readonly id: number;
  readonly error: unknown;
}

/**
 * Brings in the adapters of sequences that will run soon, while others run. Each sequence is activated once; whether it has left
 * meanwhile is for the caller to know.
 */
export class Activations {
  readonly #begun = new WeakSet<SequenceAdapters>();
  readonly #failed: FailedActivation[] = [];
  readonly #onChange: () => void;

  /** @param onChange  called when the adapters of a sequence have come in, or will not come */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /**
   * Begins to activate the first sequences of the queue.
   * @param ahead  how many may be active, and how many on their way, before those behind them have to wait
   */
  begin(waiting: Iterable<Activatable>, ahead: number): void {
    let [active, pending] = [0, 0];
    let group: object | undefined;
    for (const sequence of waiting) {
      const { ownAdapters } = sequence;
      // A group has the same adapters, and so needs no more room than its first sequence.
      const isCounted = sequence.group === undefined || sequence.group !== group;
      if (isCounted && (active >= ahead || pending >= ahead)) return;
      group = sequence.group;
      if (isCounted && ownAdapters.isActive) active++;
      else if (isCounted) pending++;
      if (!ownAdapters.isActive && !this.#begun.has(ownAdapters)) this.#activate(sequence);
    }
  }

  /** The sequences whose adapters could not be had, each told once. */
  takeFailed(): readonly FailedActivation[] {
    return this.#failed.splice(0);
  }

  #activate({ id, ownAdapters }: Activatable): void {
    this.#begun.add(ownAdapters);
    // WHY in a promise: an `activate` that throws at once must fail its sequence alone, too.
    void Promise.resolve()
      .then(() => ownAdapters.activate())
      .catch((error: unknown) => this.#failed.push({ id, error }))
      .then(() => this.#onChange());
  }
}
