import { parameterCount } from '../../models/index.ts';
import { elementCount } from '../../tensor/index.ts';
import type { ParameterSpec } from '../graph/parameter-arena.ts';
import type { TrainingInputs } from '../loop/training-inputs.ts';
import type { TrainPlan } from './train-result.ts';

/** The plan of a training, from what was read before it. @param parameters  of its graph, frozen ones included */
export function planOf(inputs: TrainingInputs, parameters: readonly ParameterSpec[]): TrainPlan {
  const { base, trainable, data, evalData, steps, maxLength, learningRate, chosen, memory } = inputs;
  const trained = parameters.filter(({ name }) => trainable.trains(name));
  const trainableParameters = trained.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const baseParameters = [...base.weights.values()].reduce((sum, weight) => sum + parameterCount(weight), 0);
  return {
    trainableParameters,
    baseParameters,
    matched: trainable.matched,
    data: data.account,
    evalData: evalData?.account,
    steps,
    maxLength,
    learningRate,
    template: chosen.whose,
    ...(memory && { memory }),
  };
}
