import type { ParameterArena } from '../graph/parameter-arena.ts';
import { inSlices } from './slices.ts';

/**
 * Finds the values of a step that are not finite.
 * @param gradients  are read only if their norm is not finite. WHY: those of a device are copied here only then
 * @returns the names of the loss and of the gradients; undefined if all are finite
 */
export async function notFinite(
  loss: number,
  norm: number,
  gradients: ParameterArena,
): Promise<readonly string[] | undefined> {
  if (Number.isFinite(norm) && Number.isFinite(loss)) return undefined;
  const names = Number.isFinite(loss) ? [] : ['the loss'];
  for (const entry of Number.isFinite(norm) ? [] : gradients.entries) {
    const values = gradients.view(entry);
    let finite = true;
    await inSlices(values.length, (start, end) => {
      for (let i = start; i < end; i++) finite &&= Number.isFinite(values[i]);
    });
    if (!finite) names.push(entry.name);
  }
  return names.length === 0 ? ['the norm of all gradients together'] : names;
}
