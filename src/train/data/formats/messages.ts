import type { Fields } from '../../../chat/index.ts';
import { isGiven, stringField } from '../row-fields.ts';
import type { RowPlace } from '../row.ts';
import { fieldsBeside, readBeside, readTurns, type Turns } from './read-turns.ts';
import type { RowFormat } from './row-format.ts';

/** OpenAI's and TRL's conversations. */
export const messagesFormat: RowFormat = {
  description: '"messages"',
  fits: (row) => 'messages' in row,
  fields: ['messages', 'system', ...fieldsBeside],
  read(row, place, options) {
    const turns = readTurns(row['messages'], { field: 'messages', place, options });
    return { kind: 'messages', ...withSystem(row, turns, place), ...readBeside(row, place) };
  },
};

/** Some providers' rows have the words of the system beside the messages. */
function withSystem(row: Fields, { messages, learned }: Turns, place: RowPlace): Turns {
  if (!isGiven(row['system'])) return { messages, learned };
  const content = stringField(row, 'system', place);
  return { messages: [{ role: 'system', content }, ...messages], learned: [undefined, ...learned] };
}
