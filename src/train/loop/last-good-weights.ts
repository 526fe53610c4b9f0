import { join, resolve } from 'node:path';
import { StagedFolder } from '../../atomic-files/index.ts';
import { messageOf } from '../../core/index.ts';
import { copyInto } from '../graph/gradients.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import type { TrainingModel } from './training-model.ts';

/** Steps between two copies. */
const copyEvery = 10;
/** WHY a limit: a copy of every weight of a large model would cost as much memory as the model. */
export const largestCopyBytes = 256 * 2 ** 20;

/** Keeps the weights of a step that showed nothing suspicious, for the case that the training diverges later. */
export class LastGoodWeights implements Disposable {
  readonly #model: Pick<TrainingModel, 'parameters' | 'read' | 'save'>;
  readonly #output: string | undefined;
  #copy: ParameterArena | undefined;
  #step: number | undefined;

  /** @param output  the path of the training's result; the kept weights are saved beside it. undefined: none are kept */
  constructor(model: Pick<TrainingModel, 'parameters' | 'read' | 'save'>, output: string | undefined) {
    this.#model = model;
    this.#output = output === undefined ? undefined : resolve(output);
  }

  /** Call after each step that shows nothing suspicious. */
  async note(step: number): Promise<void> {
    if (step % copyEvery === 0) await this.keep(step);
  }

  /** Copies the weights now. Does nothing if they are too large. */
  async keep(step: number): Promise<void> {
    const { parameters } = this.#model;
    if (this.#output === undefined || parameters.flat.byteLength > largestCopyBytes) return;
    this.#copy ??= new ParameterArena(parameters.entries);
    this.#step = undefined; // an interrupted copy belongs to no step
    await copyInto(this.#copy.flat, (await this.#model.read()).flat);
    this.#step = step;
  }

  /** Saves the weights beside the output. @returns a sentence that says where they are, or that there are none */
  async save(): Promise<string> {
    if (this.#copy === undefined || this.#step === undefined) return 'Nothing was saved.';
    const place = `${this.#output}.step-${this.#step}`;
    try {
      await using folder = await StagedFolder.begin(place);
      const result = join(folder.staging, 'result');
      await this.#model.save(result, this.#copy);
      await folder.publish(result);
    } catch (error) {
      return `The weights of step ${this.#step} could not be saved: ${messageOf(error)}`;
    }
    return `The weights of step ${this.#step}, from before that, are in ${place}.`;
  }

  dispose(): void {
    this.#copy?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
