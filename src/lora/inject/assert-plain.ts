import { EspalierError } from '../../core/index.ts';
import type { Adapter } from '../adapter.ts';

/** The parts that an adapter may have besides a pair of matrices for each module. */
export interface PlainOptions {
  /** The name of the place for the error, such as `this engine`. */
  readonly place: string;
  /** Further parts that this place can apply. */
  readonly allowed?: readonly ('magnitudes' | 'parameters' | 'biases')[];
}

/**
 * Refuses an adapter with parts that a place cannot apply. They are never omitted silently.
 * @throws EspalierError LORA_PARTS_NOT_APPLIED with all parts that cannot be applied
 */
export function assertPlain(
  name: string,
  { modules, saved }: Pick<Adapter, 'modules' | 'saved'>,
  { place, allowed = [] }: PlainOptions,
): void {
  const magnitudes = [...modules].flatMap(([path, { magnitude }]) => (magnitude ? [path] : []));
  const biases = [...modules].flatMap(([path, { bias }]) => (bias ? [path] : []));
  const parts = [
    ...(magnitudes.length > 0 && !allowed.includes('magnitudes') ? [`DoRA's magnitudes of ${few(magnitudes)}`] : []),
    ...(biases.length > 0 && !allowed.includes('biases') ? [`the biases (lora_bias) of ${few(biases)}`] : []),
    ...(saved && !allowed.includes('parameters') ? [`the whole parameters ${few([...saved.keys()])}`] : []),
  ];
  if (parts.length > 0) throw new EspalierError('LORA_PARTS_NOT_APPLIED', { name, parts: parts.join(', and '), place });
}

function few(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
