import type { BatchSource } from '../data/batch-source.ts';
import type { PassRunner } from '../graph/passes.ts';
import type { TrainingGroup } from '../ranks/training-group.ts';

export interface EvaluatorOptions {
  readonly open: () => Promise<PassRunner>;
  /** Brings the parameters up to date that the passes read. */
  readonly read: () => Promise<void>;
  readonly data: BatchSource;
  readonly batchSize: number;
  /** Keeps the model loaded between two evaluations. WHY optional: it is a second copy of the base beside that of the training. */
  readonly keepLoaded: boolean;
  /** The ranks that share the rows. */
  readonly group: TrainingGroup;
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
  #session: PassRunner | undefined;

  constructor(options: EvaluatorOptions) {
    this.#options = options;
  }

  async evaluate({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<Evaluation> {
    const { data, batchSize, keepLoaded, group } = this.#options;
    await this.#options.read();
    const session = (this.#session ??= await this.#options.open());
    try {
      let sameParameters = false;
      let [loss, hits, targets]: [number, number | undefined, number] = [0, undefined, 0];
      for await (const micro of data.batches(batchSize, group.share)) {
        signal?.throwIfAborted();
        const { lossSum, correct } = await session.run(micro, { step: 0, microBatch: 0, sameParameters });
        sameParameters = true;
        loss += lossSum;
        if (correct !== undefined) hits = (hits ?? 0) + correct;
        targets += micro.targets;
      }
      const counted = hits === undefined ? 0 : 1;
      const [allLoss = NaN, allTargets = 0, allHits = 0, counting = 0] = await group.sum(
        loss,
        targets,
        hits ?? 0,
        counted,
      );
      return { loss: allLoss / allTargets, ...(counting > 0 && { accuracy: allHits / allTargets }) };
    } finally {
      if (!keepLoaded) this.dispose();
    }
  }

  dispose(): void {
    this.#session?.dispose();
    this.#session = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
