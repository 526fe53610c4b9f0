import { EspalierError } from '../../core/index.ts';
import type { Adapter } from '../adapter.ts';

/** What an adapter may have besides a pair of matrices for each module. */
export interface PlainOptions {
  /** Who applies it, for the error: `this engine`. */
  readonly place: string;
  /** What this place can apply besides. */
  readonly allowed?: readonly ('magnitudes' | 'parameters')[];
}

/**
 * Refuses what a place cannot apply, rather than leaving it out.
 * @throws EspalierError LORA_PARTS_NOT_APPLIED with everything that would be left out
 */
export function assertPlain(
  name: string,
  { modules, saved }: Pick<Adapter, 'modules' | 'saved'>,
  { place, allowed = [] }: PlainOptions,
): void {
  const magnitudes = [...modules].flatMap(([path, { magnitude }]) => (magnitude ? [path] : []));
  const parts = [
    ...(magnitudes.length > 0 && !allowed.includes('magnitudes') ? [`DoRA's magnitudes of ${few(magnitudes)}`] : []),
    ...(saved && !allowed.includes('parameters') ? [`the whole parameters ${few([...saved.keys()])}`] : []),
  ];
  if (parts.length > 0) throw new EspalierError('LORA_PARTS_NOT_APPLIED', { name, parts: parts.join(', and '), place });
}

function few(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
