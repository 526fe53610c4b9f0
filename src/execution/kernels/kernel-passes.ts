import type { Model, Pass } from '../../ir/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import { oncePerEnvironment } from '../once-per-environment.ts';
import { hasSignedProducts, narrowActivations } from './narrow-activations.ts';
import { multipliesSignedExactly } from './signed-exactness.ts';

const isExact = oncePerEnvironment(multipliesSignedExactly);

/** The passes that a graph needs on this machine, so that ONNX Runtime's kernels compute what the graph says. */
export async function kernelPasses(model: Model, environment: Environment): Promise<Pass[]> {
  if (!hasSignedProducts(model) || (await isExact(environment))) return [];
  return [narrowActivations];
}
