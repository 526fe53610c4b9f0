import { Features } from '../decoder/families/features.ts';
import type { RopeContext } from '../decoder/families/read-rope.ts';
import type { RopeConfig } from '../decoder/rope.ts';
import { refuseFeature } from './read-fields.ts';

export interface EncoderRope {
  readonly path: string;
  readonly headDim: number;
  readonly maxPositions: number;
  /** Default: every configuration has a base of its own. */
  readonly defaultTheta?: number;
}

/**
 * Reads a rotation of an encoder.
 * @throws EspalierError MODEL_FEATURE_UNSUPPORTED for a kind of scaling that depends on the length of a row, MODEL_CONFIG_INVALID
 */
export function ropeContext(
  { path, headDim, maxPositions, defaultTheta = 10_000 }: EncoderRope,
  read: (context: RopeContext) => RopeConfig,
): RopeConfig {
  const features = new Features({}, path, { shape: {} });
  const rope = read({ features, path, headDim, maxPositions, defaultTheta });
  features.check();
  const { kind } = rope.scaling;
  if (kind === 'dynamic' || kind === 'longrope') {
    refuseFeature(path, { feature: 'rope scaling', value: kind, supported: 'default, linear, llama3, yarn' });
  }
  return rope;
}
