import { readRowTools, readTurns } from './read-turns.ts';
import type { RowFormat } from './row-format.ts';

/** OpenAI's and TRL's conversations. */
export const messagesFormat: RowFormat = {
  description: '"messages"',
  fits: (row) => 'messages' in row,
  fields: ['messages', 'tools', 'functions', 'parallel_tool_calls'],
  read: (row, place, options) => ({
    kind: 'messages',
    ...readTurns(row['messages'], { field: 'messages', place, options }),
    ...readRowTools(row, place),
  }),
};
