import type { GroupedWeight } from '../../weight-ref.ts';

/** The places of rows 0 to 7 in a word of AWQ. */
export const awqPlaces = [0, 4, 1, 5, 2, 6, 3, 7] as const;

export function groupCount({ columns, groupSize }: Pick<GroupedWeight, 'columns' | 'groupSize'>): number {
  return Math.ceil(columns / groupSize);
}
