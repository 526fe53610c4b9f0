import type { HeldTraining } from '../device/held-training.ts';
import type { LossGraphOptions } from '../graph/loss-graph.ts';
import { ownPasses } from '../graph/own-passes.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import type { Passes } from '../graph/passes.ts';
import { saveTokenizer } from '../report/save-tokenizer.ts';
import { largestMagnitude } from './divergence-watch.ts';
import type { TrainingInputs } from './training-inputs.ts';

export interface ModelOptions extends Pick<LossGraphOptions, 'marks'> {
  readonly passes?: Passes | undefined;
}

/** The trained model: where its loss is computed, and its weights. */
export class TrainingModel implements Disposable {
  readonly passes: Passes;
  #parameters: ParameterArena;
  readonly #inputs: TrainingInputs;
  #held: Pick<HeldTraining, 'read' | 'largest'> | undefined;

  private constructor(inputs: TrainingInputs, passes: Passes) {
    this.#inputs = inputs;
    this.passes = passes;
    this.#parameters = new ParameterArena(passes.parameters);
  }

  /** The weights; while they are kept elsewhere, those of the last `read`. */
  get parameters(): ParameterArena {
    return this.#parameters;
  }

  /** Says where the weights are kept from now on; undefined: in `parameters`. */
  hold(held: Pick<HeldTraining, 'read' | 'largest'> | undefined): void {
    this.#held = held;
  }

  /** Copies the weights to `parameters`, if they are kept elsewhere. Call it before they are read after a step. */
  async read(): Promise<ParameterArena> {
    await this.#held?.read();
    return this.#parameters;
  }

  /** The largest magnitude of all weights; NaN if one is not finite. */
  async largest(): Promise<number> {
    return this.#held?.largest ?? largestMagnitude(this.#parameters.flat);
  }

  /**
   * Fills the weights with their initial values.
   * @param options.passes  default: those of a graph that is built for this training alone
   * @param options.marks  of that graph, as `ownPasses` takes them
   */
  static async open(inputs: TrainingInputs, { passes, marks }: ModelOptions = {}): Promise<TrainingModel> {
    const model = new TrainingModel(inputs, passes ?? (await ownPasses(inputs, { marks })));
    const { trainable } = inputs;
    try {
      await trainable.initialize(model.parameters);
      return model;
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  /**
   * Goes on with the weights that an earlier run left. Call it before anything else uses the parameters.
   * @param weights  in the layout of the parameters; taken over
   */
  adopt(weights: ParameterArena): void {
    this.#parameters.dispose();
    this.#parameters = weights;
  }

  /**
   * Writes weights as a result of the training, with the chat template and the tokenizer of its rows where they are not the base's.
   *
   * @param dir  does not exist yet; its parent does
   * @param weights  in the layout of the parameters; default: the parameters themselves
   */
  async save(dir: string, weights: ParameterArena = this.parameters): Promise<void> {
    const { trainable, chosen, base, config } = this.#inputs;
    await trainable.save(dir, weights);
    await saveTokenizer(dir, chosen, config.full ? base.dir : undefined);
  }

  dispose(): void {
    this.#parameters.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
