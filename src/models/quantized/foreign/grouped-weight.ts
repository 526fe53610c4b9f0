import type { GroupedWeight } from '../../weight-ref.ts';

/** The places of rows 0 to 7 in a word of AWQ. */
export const awqPlaces = [0, 4, 1, 5, 2, 6, 3, 7] as const;

export function groupCount({ columns, groupSize }: Pick<GroupedWeight, 'columns' | 'groupSize'>): number {
  return Math.ceil(columns / groupSize);
}

/** Whether the scales and the zero points have a line for each row, and not for each group. */
export function isByRow({ layout }: Pick<GroupedWeight, 'layout'>): boolean {
  return layout === 'packed' || layout === 'bytes';
}
