import { EspalierError } from '../../../core/index.ts';
import type { Features } from './features.ts';

/** Whether a token attends to all earlier tokens, or to a sliding window of them. */
export type LayerType = 'full_attention' | 'sliding_attention';

export interface LayerTypesContext<Type extends string = LayerType> {
  readonly features: Features;
  readonly path: string;
  readonly layers: number;
  /** The type of a layer if config.json has no list. */
  readonly fallback: (index: number) => Type;
}

/** The type of each layer, from the list `layer_types` or by the family's default. */
export function layerTypes(given: readonly string[] | null | undefined, context: LayerTypesContext): LayerType[] {
  return typesOfLayers(given, { ...context, types: ['full_attention', 'sliding_attention'] });
}

/** The same for a family whose layers are of other types. The first one stands for a type that the family does not have. */
export function typesOfLayers<Type extends string>(
  given: readonly string[] | null | undefined,
  context: LayerTypesContext<Type> & { readonly types: readonly [Type, ...Type[]] },
): Type[] {
  const { features, path, layers, fallback, types } = context;
  if (given === null || given === undefined) return Array.from({ length: layers }, (_, index) => fallback(index));
  if (given.length < layers) {
    const problems = `layer_types has ${given.length} entries for ${layers} layers`;
    throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
  }
  return given.slice(0, layers).map((type) => {
    const known = types.find((each) => each === type);
    if (known === undefined) features.refuse('layer_types', type, types.join(', '));
    return known ?? types[0];
  });
}
