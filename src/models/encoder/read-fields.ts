import { EspalierError } from '../../core/index.ts';
import { activations, type Activation } from '../graph/activation.ts';

export interface RefusedFeature {
  readonly feature: string;
  readonly value: string;
  readonly supported: string;
}

/** @throws EspalierError MODEL_FEATURE_UNSUPPORTED always */
export function refuseFeature(path: string, refused: RefusedFeature): never {
  throw new EspalierError('MODEL_FEATURE_UNSUPPORTED', { path, ...refused });
}

/** @throws EspalierError MODEL_FEATURE_UNSUPPORTED with the names of the supported activations */
export function readActivation(name: string, path: string): Activation {
  const known = Object.hasOwn(activations, name) ? activations[name] : undefined;
  if (known !== undefined) return known;
  const supported = Object.keys(activations).join(', ');
  return refuseFeature(path, { feature: 'activation', value: name, supported });
}

/** @throws EspalierError MODEL_CONFIG_INVALID if the width is not a multiple of the number of heads */
export function readHeadSize(hiddenSize: number, heads: number, path: string): number {
  if (hiddenSize % heads === 0) return hiddenSize / heads;
  const problems = `${heads} attention heads cannot share ${hiddenSize} numbers evenly`;
  throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
}
