import type { Stamp } from '../../atomic-files/index.ts';

/** Whether a file is what it was: certainly, certainly not, or only its content can tell. */
export type Judgement = 'same' | 'unsure' | 'changed';

/**
 * Compares a file that is open with what it was. Another size or time of writing is a change. Other attributes alone are none: a file
 * that is renamed, linked, or replaced by a rename keeps its content for whoever has it open.
 */
export function judgeChange(before: Stamp, now: Stamp | undefined): Judgement {
  if (now?.size !== before.size || now.modifiedNs !== before.modifiedNs) return 'changed';
  return now.changedNs === before.changedNs ? 'same' : 'unsure';
}
