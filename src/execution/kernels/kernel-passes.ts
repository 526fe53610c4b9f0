import type { Model, Pass } from '../../ir/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import { hasSignedProducts, narrowActivations } from './narrow-activations.ts';
import { multipliesSignedExactly } from './signed-exactness.ts';

// WHY module state: what an environment's library computes does not change, and each trial opens a session.
const trials = new WeakMap<Environment, Promise<boolean>>();

/** The passes that a graph needs on this machine, so that ONNX Runtime's kernels compute what the graph says. */
export async function kernelPasses(model: Model, environment: Environment): Promise<Pass[]> {
  if (!hasSignedProducts(model) || (await isExact(environment))) return [];
  return [narrowActivations];
}

async function isExact(environment: Environment): Promise<boolean> {
  const trial = trials.get(environment) ?? multipliesSignedExactly(environment);
  trials.set(environment, trial);
  try {
    return await trial;
  } catch (error) {
    trials.delete(environment);
    throw error;
  }
}
