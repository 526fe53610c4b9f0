import { parameterCount } from '../../models/index.ts';
import type { TrainingInputs } from '../loop/training-inputs.ts';
import type { TrainPlan } from './train-result.ts';

/** The plan of a training, from what was read before it. */
export function planOf(inputs: TrainingInputs, trainableParameters: number): TrainPlan {
  const { base, trainable, data, evalData, steps, maxLength, learningRate, chosen, memory } = inputs;
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
