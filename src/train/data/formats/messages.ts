import { fieldsBeside, readBeside, readTurns } from './read-turns.ts';
import type { RowFormat } from './row-format.ts';

/** OpenAI's and TRL's conversations. */
export const messagesFormat: RowFormat = {
  description: '"messages"',
  fits: (row) => 'messages' in row,
  fields: ['messages', ...fieldsBeside],
  read: (row, place, options) => ({
    kind: 'messages',
    ...readTurns(row['messages'], { field: 'messages', place, options }),
    ...readBeside(row, place),
  }),
};
