import type { Stamp } from '../../atomic-files/index.ts';

/** Whether a file is unchanged. `unsure`: only its content can tell. */
export type Judgement = 'same' | 'unsure' | 'changed';

/**
 * Compares an open file with its earlier state. Another size or modification time is a change. A change of other attributes alone is
 * not: a file that is renamed, linked, or replaced by a rename keeps its content for the process that has it open.
 */
export function judgeChange(before: Stamp, now: Stamp | undefined): Judgement {
  if (now?.size !== before.size || now.modifiedNs !== before.modifiedNs) return 'changed';
  return now.changedNs === before.changedNs ? 'same' : 'unsure';
}
