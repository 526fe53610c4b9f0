import type { BaseModel } from '../models/index.ts';
import type { Environment } from '../runtime/index.ts';
import type { Example } from './data/example.ts';
import { createMicroBatch } from './micro-batch.ts';
import type { ParameterArena } from './parameter-arena.ts';
import type { Trainable } from './trainable.ts';
import { createTrainingGraph } from './training-graph.ts';
import { TrainingSession } from './training-session.ts';

export interface EvaluatorOptions {
  readonly environment: Environment;
  readonly base: BaseModel;
  readonly trainable: Trainable;
  readonly parameters: ParameterArena;
  readonly examples: readonly Example[];
  readonly batchSize: number;
  readonly maxLength: number;
  /** Keeps the model loaded between two evaluations. WHY a choice: that is a second copy of the base beside the training's. */
  readonly keepLoaded: boolean;
}

/** Measures the held-out loss with the parameters as they are: the training's own loss without its backward pass. */
export class Evaluator implements Disposable {
  readonly #options: EvaluatorOptions;
  /** Rows of like length side by side: less padding to compute. */
  readonly #examples: readonly Example[];
  #session: TrainingSession | undefined;

  constructor(options: EvaluatorOptions) {
    this.#options = options;
    this.#examples = options.examples.toSorted((a, b) => a.inputIds.length - b.inputIds.length);
  }

  /** @returns the mean over all target tokens, in nats */
  async evaluate({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<number> {
    const { batchSize, keepLoaded } = this.#options;
    const session = (this.#session ??= await this.#open());
    try {
      let [loss, targets] = [0, 0];
      for (let at = 0; at < this.#examples.length; at += batchSize) {
        signal?.throwIfAborted();
        const micro = createMicroBatch(this.#examples.slice(at, at + batchSize));
        loss += await session.run(micro);
        targets += micro.targets;
      }
      return loss / targets;
    } finally {
      if (!keepLoaded) this.dispose();
    }
  }

  async #open(): Promise<TrainingSession> {
    const { environment, base, trainable, parameters, maxLength } = this.#options;
    const graph = await createTrainingGraph(base, { lora: trainable.lora, maxLength, gradients: false });
    return TrainingSession.open(graph, { environment, parameters });
  }

  dispose(): void {
    this.#session?.dispose();
    this.#session = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
