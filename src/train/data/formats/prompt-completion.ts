import { isFields, type Fields } from '../../../chat/index.ts';
import { isGiven, stringField } from '../row-fields.ts';
import { invalid } from '../row.ts';
import { fieldsBeside, fromJson, readBeside, readTurns, type Turns } from './read-turns.ts';
import type { RowFormat } from './row-format.ts';

/** How prompt and completion are called. */
const spellings = [
  ['prompt', 'completion'],
  ['prompt', 'response'],
  ['prompt', 'answer'],
  ['prompt', 'output'],
  ['question', 'answer'],
  ['question', 'response'],
  ['query', 'response'],
  ['query', 'answer'],
  ['input', 'output'],
  ['inputs', 'targets'],
  ['source', 'target'],
] as const;

/** WHY not of instructions: these are Alpaca's. */
function spellingOf(row: Fields): readonly [string, string] | undefined {
  if ('instruction' in row) return undefined;
  return spellings.find(([prompt, completion]) => prompt in row && completion in row);
}

/** A prompt and what follows it, as texts or, in TRL's conversational form, as messages. */
export const promptCompletionFormat: RowFormat = {
  description: '"prompt" and "completion" (or another pair, such as "question" and "answer")',
  fits: (row) => spellingOf(row) !== undefined,
  // WHY of this row: a further pair beside the one that is read would be passed over without a word.
  fields: (row) => [...(spellingOf(row) ?? []), ...fieldsBeside],
  read(row, place, options) {
    const [promptField, completionField] = spellingOf(row) ?? ['prompt', 'completion'];
    const [prompt, completion] = [asTurns(row[promptField]), asTurns(row[completionField])];
    if (prompt === undefined && completion === undefined) {
      const tools = [...fieldsBeside].find((name) => isGiven(fromJson(row[name])));
      if (tools !== undefined)
        throw invalid(place, `"${tools}" need a prompt of messages, which the chat template writes.`);
      return {
        kind: 'completion',
        prompt: stringField(row, promptField, place),
        completion: stringField(row, completionField, place),
      };
    }
    const asked = readTurns(prompt ?? row[promptField], { field: promptField, place, options });
    const answered = readTurns(completion ?? row[completionField], { field: completionField, place, options });
    return { kind: 'messages', ...continued(asked, answered), ...readBeside(row, place) };
  },
};

/** Messages and those that follow, of which only the latter are learned. */
export function continued(asked: Turns, answered: Turns): Turns {
  return {
    messages: [...asked.messages, ...answered.messages],
    learned: [...asked.messages.map(() => false), ...answered.learned],
  };
}

/** A list of messages, or its JSON. */
function asTurns(value: unknown): unknown {
  const read = typeof value === 'string' && !value.startsWith('[{') ? value : fromJson(value);
  return Array.isArray(read) && read.length > 0 && read.every((item) => isFields(item) && 'role' in item)
    ? read
    : undefined;
}
