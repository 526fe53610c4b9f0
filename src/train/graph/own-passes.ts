import type { TrainConfig } from '../config/train-config.ts';
import type { BaseModel } from '../../models/index.ts';
import { flattenGraph } from './flat-graph.ts';
import { createLossGraph, graphSettingsOf, type LossGraphOptions } from './loss-graph.ts';
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
  readonly config: Pick<TrainConfig, 'seed' | 'recompute' | 'logitRows' | 'pack' | 'exactProducts'>;
}

/**
 * The passes of a training that is alone.
 * @param marks  lets passes tell what they have written while they go on. Default: they do not
 */
export async function ownPasses(
  { base, trainable, objective, maxLength, config }: PassInputs,
  { marks }: Pick<LossGraphOptions, 'marks'> = {},
): Promise<Passes> {
  const { seed } = config;
  const options = { ...graphSettingsOf(config), trainable, objective, maxLength };
  const graph = await createLossGraph(base, { ...options, seed, gradients: true, marks });
  const { dropout } = trainable;
  return {
    parameters: graph.parameters,
    openTraining: (bound) => LossSession.open(graph, { ...bound, dropout, seed }),
    // WHY not with marks: they tell of gradients on the host, which are summed with those of other processes there.
    ...(graph.marks.length === 0 && {
      openFlatTraining: (layout, bound) =>
        LossSession.openFlat({ ...graph, bytes: flattenGraph(graph, layout) }, { ...bound, dropout, seed }),
    }),
    openEvaluation: async (bound) =>
      LossSession.open(await createLossGraph(base, { ...options, recompute: false, gradients: false }), bound),
  };
}
