import { ParameterArena, type ParameterSpec } from '../graph/parameter-arena.ts';

/** How many memories passes need that have so many trainings at most. WHY twice: those of the pass before are still read. */
export function lentMemories(widest: number): number {
  return 2 * widest;
}

/**
 * Memory for the gradients of trainings of one form. WHY lent: a training reads its gradients only between its pass and the end of its
 * step. Trainings that take their passes in turns need memory for the one that computes and the one that updates, and not for each.
 */
export class LentGradients implements Disposable {
  readonly #parameters: readonly ParameterSpec[];
  readonly #free: ParameterArena[] = [];
  readonly #lent = new Map<number, ParameterArena>();
  #count = 0;
  #tell: () => void = () => undefined;

  /** @param parameters  of each training */
  constructor(parameters: readonly ParameterSpec[]) {
    this.#parameters = parameters;
  }

  /** The memory that a training has. */
  of(training: number): ParameterArena | undefined {
    return this.#lent.get(training);
  }

  /**
   * Lends memory to each of these, and waits until there is some. What it contains is undefined.
   * @param most  how many may be allocated in all, at least as many as there are trainings here
   */
  async lend(trainings: readonly number[], most: number): Promise<void> {
    for (const training of trainings) {
      if (this.#lent.has(training)) continue;
      while (this.#free.length === 0 && this.#count >= most) {
        await new Promise<void>((resolve) => (this.#tell = resolve));
      }
      this.#lent.set(training, this.#free.pop() ?? this.#allocate());
    }
  }

  #allocate(): ParameterArena {
    this.#count += 1;
    return new ParameterArena(this.#parameters);
  }

  /** The training no longer reads its gradients. Idempotent. */
  giveBack(training: number): void {
    const memory = this.#lent.get(training);
    if (memory === undefined) return;
    this.#lent.delete(training);
    this.#free.push(memory);
    this.#tell();
  }

  dispose(): void {
    for (const memory of [...this.#free, ...this.#lent.values()]) memory.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
