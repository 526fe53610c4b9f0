import type { SequenceAdapters } from '../adapters/sequence-adapters.ts';

/** The part of a waiting sequence that concerns its adapters. */
export interface Activatable {
  readonly id: number;
  readonly ownAdapters: SequenceAdapters;
  /** The same object in neighbours with the same adapters. */
  readonly group: object | undefined;
}

export interface FailedActivation {
  readonly id: number;
  readonly error: unknown;
}

/**
 * Activates the adapters of sequences that will run soon, while others run. Each sequence is activated once. The caller must know
 * whether it has left meanwhile.
 */
export class Activations {
  readonly #begun = new WeakSet<SequenceAdapters>();
  readonly #failed: FailedActivation[] = [];
  readonly #onChange: () => void;

  /** @param onChange called when the adapters of a sequence are active, or cannot be activated */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /**
   * Begins to activate the first sequences of the queue.
   * @param ahead how many sequences at the head of the queue may be active or being activated
   */
  begin(waiting: Iterable<Activatable>, ahead: number): void {
    let [active, pending] = [0, 0];
    let group: object | undefined;
    for (const sequence of waiting) {
      const { ownAdapters } = sequence;
      // A group has the same adapters, so it needs only the room of its first sequence.
      const isCounted = sequence.group === undefined || sequence.group !== group;
      if (isCounted && (active >= ahead || pending >= ahead)) return;
      group = sequence.group;
      if (isCounted && ownAdapters.isActive) active++;
      else if (isCounted) pending++;
      if (!ownAdapters.isActive && !this.#begun.has(ownAdapters)) this.#activate(sequence);
    }
  }

  /** Returns the sequences whose adapters could not be activated. Each is returned once. */
  takeFailed(): readonly FailedActivation[] {
    return this.#failed.splice(0);
  }

  #activate({ id, ownAdapters }: Activatable): void {
    this.#begun.add(ownAdapters);
    // WHY in a promise: an `activate` that throws synchronously must also fail only its sequence.
    void Promise.resolve()
      .then(() => ownAdapters.activate())
      .catch((error: unknown) => this.#failed.push({ id, error }))
      .then(() => this.#onChange());
  }
}
