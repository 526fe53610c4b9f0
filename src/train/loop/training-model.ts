import type { LossGraph } from '../graph/loss-graph.ts';
import { createLossGraph } from '../graph/loss-graph.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import { saveTokenizer } from '../report/save-tokenizer.ts';
import type { TrainingInputs } from './training-inputs.ts';

/** The trained model: the graph of its loss, and its weights. */
export class TrainingModel implements Disposable {
  readonly graph: LossGraph;
  #parameters: ParameterArena;
  readonly #inputs: TrainingInputs;

  private constructor(inputs: TrainingInputs, graph: LossGraph) {
    this.#inputs = inputs;
    this.graph = graph;
    this.#parameters = new ParameterArena(graph.parameters);
  }

  get parameters(): ParameterArena {
    return this.#parameters;
  }

  /** Builds the graph, and fills the weights with their initial values. */
  static async open(inputs: TrainingInputs): Promise<TrainingModel> {
    const { base, trainable, objective, maxLength, config } = inputs;
    const options = {
      trainable,
      objective,
      maxLength,
      seed: config.seed,
      gradients: true,
      recompute: config.recompute,
    };
    const model = new TrainingModel(inputs, await createLossGraph(base, options));
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
