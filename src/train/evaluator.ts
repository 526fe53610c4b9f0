import type { Environment } from '../runtime/index.ts';
import type { BaseModel } from '../models/index.ts';
import type { Example } from './data/example.ts';
import { createMicroBatch } from './micro-batch.ts';
import type { ParameterArena } from './parameter-arena.ts';
import { createTrainingGraph } from './training-graph.ts';
import { TrainingSession } from './training-session.ts';
import type { Trainable } from './trainable.ts';

export interface EvaluatorOptions {
  readonly environment: Environment;
  readonly base: BaseModel;
  readonly trainable: Trainable;
  readonly parameters: ParameterArena;
  readonly examples: readonly Example[];
  readonly batchSize: number;
  readonly maxLength: number;
}

/**
 * Measures the held-out loss with the parameters as they are: the training's own loss without its backward pass.
 * @returns the mean over all target tokens, in nats
 */
export async function evaluate(options: EvaluatorOptions, { signal }: { signal?: AbortSignal } = {}): Promise<number> {
  const { environment, base, trainable, parameters, examples, batchSize, maxLength } = options;
  const graph = createTrainingGraph(base, { lora: trainable.lora, maxLength, gradients: false });
  using session = await TrainingSession.open(graph, { environment, dir: base.dir, parameters });
  // Rows of like length side by side: less padding to compute.
  const sorted = examples.toSorted((a, b) => a.inputIds.length - b.inputIds.length);
  let [loss, targets] = [0, 0];
  for (let at = 0; at < sorted.length; at += batchSize) {
    signal?.throwIfAborted();
    const micro = createMicroBatch(sorted.slice(at, at + batchSize), { maxLength });
    loss += await session.run(micro);
    targets += micro.targets;
  }
  return loss / targets;
}
