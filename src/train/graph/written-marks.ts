import { NativeMemory } from '../../native/index.ts';
import { OrtTensor, type IoBinding } from '../../onnxruntime/index.ts';

/** Hears how many of the first buckets have been written, while the pass goes on. Every number is larger than the one before. */
export type OnWritten = (buckets: number) => void;

/** Between two looks. WHY not shorter: each costs the processor some ten microseconds, and a bucket goes around for longer. */
const lookMs = 2;
const markBytes = BigInt64Array.BYTES_PER_ELEMENT;

/**
 * Whether a mark that is seen says that the gradients are there: stores become visible in their order on processors of this architecture.
 * WHY not on ARM: there a store may be seen before an earlier one of the same thread.
 */
export const marksAreOrdered = process.arch === 'x64';

/** The memory into which a run writes the marks of `markGradients`. */
export class WrittenMarks implements Disposable {
  readonly #marks: readonly (string | undefined)[];
  readonly #memory: NativeMemory;
  readonly #values: BigInt64Array;
  readonly #tensors: OrtTensor[] = [];

  constructor(marks: readonly (string | undefined)[]) {
    this.#marks = marks;
    this.#memory = NativeMemory.allocate(markBytes * marks.length);
    this.#values = this.#memory.bigInt64();
  }

  bind(binding: IoBinding): void {
    for (const [index, name] of this.#marks.entries()) {
      if (name === undefined) continue;
      const tensor = OrtTensor.over(this.#memory, 'int64', [], markBytes * index);
      this.#tensors.push(tensor);
      binding.bindOutput(name, tensor);
    }
  }

  /** Runs, and tells meanwhile what has been written. */
  async during(run: () => Promise<void>, onWritten: OnWritten): Promise<void> {
    this.#values.fill(0n);
    let known = 0;
    const look = (): void => {
      const before = known;
      while (known < this.#marks.length && this.#isWritten(known)) known++;
      if (known > before) onWritten(known);
    };
    const timer = setInterval(look, lookMs);
    try {
      await run();
    } finally {
      clearInterval(timer);
    }
  }

  #isWritten(index: number): boolean {
    return this.#marks[index] === undefined || Atomics.load(this.#values, index) !== 0n;
  }

  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
    this.#memory.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
