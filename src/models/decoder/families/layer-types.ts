import { EspalierError } from '../../../core/index.ts';
import type { Features } from './features.ts';

/** Whether a token attends to all earlier tokens, or to a sliding window of them. */
export type LayerType = 'full_attention' | 'sliding_attention';

export interface LayerTypesContext {
  readonly features: Features;
  readonly path: string;
  readonly layers: number;
  /** The type of a layer if config.json has no list. */
  readonly fallback: (index: number) => LayerType;
}

/** The type of each layer, from the list `layer_types` or by the family's default. */
export function layerTypes(given: readonly string[] | null | undefined, context: LayerTypesContext): LayerType[] {
  const { features, path, layers, fallback } = context;
  if (given === null || given === undefined) return Array.from({ length: layers }, (_, index) => fallback(index));
  if (given.length < layers) {
    const problems = `layer_types has ${given.length} entries for ${layers} layers`;
    throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
  }
  return given.slice(0, layers).map((type) => {
    if (type === 'full_attention' || type === 'sliding_attention') return type;
    features.refuse('layer_types', type, 'full_attention, sliding_attention');
    return 'full_attention';
  });
}
