import { join } from 'node:path';
import type { BaseModel } from '../base-model.ts';

/** The files that a base's weights lie in, each once, in the order of their names. */
export function weightPaths({ dir, weights }: Pick<BaseModel, 'dir' | 'weights'>): string[] {
  const refs = [...weights.values()].flatMap((ref) => [ref, ...(ref.quantized ? [ref.quantized.scales] : [])]);
  return [...new Set(refs.map(({ location }) => location))].sort().map((location) => join(dir, location));
}
