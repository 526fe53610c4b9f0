import type { BaseModel } from '../../models/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import type { Objective } from '../graph/objective.ts';
import type { ParameterArena } from '../graph/parameter-arena.ts';
import type { Trainable } from '../graph/trainable.ts';
import type { BatchSource } from '../data/batch-source.ts';
import { createLossGraph } from '../graph/loss-graph.ts';
import { LossSession } from '../graph/loss-session.ts';

export interface EvaluatorOptions {
  readonly environment: Environment;
  readonly base: BaseModel;
  readonly trainable: Trainable;
  readonly parameters: ParameterArena;
  readonly objective: Objective;
  readonly data: BatchSource;
  readonly batchSize: number;
  readonly maxLength: number;
  /** Keeps the model loaded between two evaluations. WHY optional: it is a second copy of the base beside that of the training. */
  readonly keepLoaded: boolean;
}

/** The results of a model on held-out rows. */
export interface Evaluation {
  /** Mean over all targets, in nats for a cross entropy. */
  readonly loss: number;
  /** Fraction of rows whose largest logit is at their label; only for classification. */
  readonly accuracy?: number;
}

/** Measures the held-out loss with the current parameters: the loss of the training without the backward pass. */
export class Evaluator implements Disposable {
  readonly #options: EvaluatorOptions;
  #session: LossSession | undefined;

  constructor(options: EvaluatorOptions) {
    this.#options = options;
  }

  async evaluate({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<Evaluation> {
    const { data, batchSize, keepLoaded } = this.#options;
    const session = (this.#session ??= await this.#open());
    try {
      let [loss, hits, targets]: [number, number | undefined, number] = [0, undefined, 0];
      for await (const micro of data.batches(batchSize)) {
        signal?.throwIfAborted();
        const { lossSum, correct } = await session.run(micro);
        loss += lossSum;
        if (correct !== undefined) hits = (hits ?? 0) + correct;
        targets += micro.targets;
      }
      return { loss: loss / targets, ...(hits !== undefined && { accuracy: hits / targets }) };
    } finally {
      if (!keepLoaded) this.dispose();
    }
  }

  async #open(): Promise<LossSession> {
    const { environment, base, trainable, parameters, maxLength, objective } = this.#options;
    const graph = await createLossGraph(base, { trainable, objective, maxLength, gradients: false });
    return LossSession.open(graph, { environment, parameters });
  }

  dispose(): void {
    this.#session?.dispose();
    this.#session = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
