import type { TrainConfig } from '../config/train-config.ts';
import type { BaseModel } from '../../models/index.ts';
import { createLossGraph } from './loss-graph.ts';
import { LossSession } from './loss-session.ts';
import type { Objective } from './objective.ts';
import type { Passes } from './passes.ts';
import type { Trainable } from './trainable.ts';

/** What a training's graph is built from. */
export interface PassInputs {
  readonly base: BaseModel;
  readonly trainable: Trainable;
  readonly objective: Objective;
  readonly maxLength: number;
  readonly config: Pick<TrainConfig, 'seed' | 'recompute' | 'logitRows' | 'pack'>;
}

/** The passes of a training that is alone. */
export async function ownPasses({ base, trainable, objective, maxLength, config }: PassInputs): Promise<Passes> {
  const { seed, recompute, logitRows, pack = !recompute } = config;
  const options = { trainable, objective, maxLength, logitRows, pack };
  const graph = await createLossGraph(base, { ...options, seed, gradients: true, recompute });
  const { dropout } = trainable;
  return {
    parameters: graph.parameters,
    openTraining: (bound) => LossSession.open(graph, { ...bound, dropout, seed }),
    openEvaluation: async (bound) =>
      LossSession.open(await createLossGraph(base, { ...options, gradients: false }), bound),
  };
}
