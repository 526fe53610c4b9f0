import { chunkRecurrence, type Value } from '../../ir/index.ts';
import type { GradientCase } from '../testing/gradient-case.ts';

const [chunks, heads, tokens, rows, columns] = [3, 2, 2, 2, 3];

const shapes = {
  start: [heads, rows, columns],
  decay: [chunks, heads, 1, 1],
  added: [chunks, heads, rows, columns],
  read: [chunks, heads, tokens, rows],
  values: [chunks, heads, tokens, columns],
  write: [chunks, heads, tokens, rows],
};

/** Scan, as recurrent layers use it. */
export const recurrenceCases: readonly GradientCase[] = [
  recurrence('states that only decay', ['start', 'decay'], [0, 1]),
  recurrence('with additions', ['start', 'decay', 'added'], [0, 1]),
  recurrence('with additions, the state before each chunk only', ['start', 'decay', 'added'], [1]),
  recurrence('with additions, the last state only', ['start', 'decay', 'added'], [0]),
  recurrence('with corrections', ['start', 'decay', 'read', 'values', 'write'], [0, 1, 2]),
  recurrence('with corrections, the corrected values only', ['start', 'decay', 'read', 'values', 'write'], [2]),
  recurrence('with corrections, the last state only', ['start', 'decay', 'read', 'values', 'write'], [0]),
  recurrence('with both', ['start', 'decay', 'added', 'read', 'values', 'write'], [0, 1, 2]),
  recurrence('with both, backwards', ['start', 'decay', 'added', 'read', 'values', 'write'], [0, 1, 2], true),
];

function recurrence(
  note: string,
  names: readonly (keyof typeof shapes)[],
  lossOf: readonly number[],
  reversed = false,
): GradientCase {
  return {
    op: 'Scan',
    note,
    inputs: Object.fromEntries(names.map((name) => [name, shapes[name]])),
    lossOf,
    build(tape, { start, decay, added, read, values, write }): readonly Value[] {
      if (start === undefined || decay === undefined) throw new TypeError('every case has a start and a decay');
      const correction = read && values && write ? { read, values, write } : undefined;
      const { end, before, corrected } = chunkRecurrence(tape, { start, decay, added, correction, reversed });
      return [end, before, ...(corrected ? [corrected] : [])];
    },
  };
}
