import { copyInto } from '../graph/gradients.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import type { TrainingModel } from './training-model.ts';

/** Keeps the weights of the best evaluation, if they are to be the result. */
export class BestWeights implements Disposable {
  readonly #model: Pick<TrainingModel, 'parameters' | 'read'>;
  readonly #isWanted: boolean;
  #copy: ParameterArena | undefined;

  constructor(model: Pick<TrainingModel, 'parameters' | 'read'>, { isWanted }: { readonly isWanted: boolean }) {
    this.#model = model;
    this.#isWanted = isWanted;
  }

  /** The weights; undefined if none are kept. */
  get weights(): ParameterArena | undefined {
    return this.#copy;
  }

  /** Copies the model's weights now. */
  async keep(): Promise<void> {
    if (!this.#isWanted) return;
    const { entries, flat } = await this.#model.read();
    this.#copy ??= new ParameterArena(entries);
    await copyInto(this.#copy.flat, flat);
  }

  /** Goes on with what an earlier run kept. @param weights  taken over */
  adopt(weights: ParameterArena): void {
    this.#copy?.dispose();
    this.#copy = weights;
  }

  dispose(): void {
    this.#copy?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
