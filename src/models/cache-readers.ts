import type { ModelConfig } from './base-model.ts';

/** The layers of a decode graph that read and write the keys and values of a layer. */
export function readersOf({ caches }: Pick<ModelConfig, 'caches'>, layer: number): readonly number[] {
  return caches?.flatMap((source, reader) => (source === layer ? [reader] : [])) ?? [layer];
}
