import { describeValue, FieldProblem, isFields, readMessages, type Fields } from '../../../chat/index.ts';
import { isGiven, orThrow, stringField } from '../row-fields.ts';
import { invalid, type RowPlace } from '../row.ts';
import { fieldsBeside, fromJson, readBeside } from './read-turns.ts';
import type { RowFormat } from './row-format.ts';

/** Names of the speakers; those of OpenAI stay. */
const roles: Readonly<Record<string, string>> = {
  human: 'user',
  gpt: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
  observation: 'tool',
  function_response: 'tool',
  tool_response: 'tool',
};

const calls: readonly string[] = ['function_call', 'tool_call'];

/** ShareGPT's conversations: `{"from", "value"}`. Turns with `role` and `content` are taken too. */
export const shareGptFormat: RowFormat = {
  description: '"conversations"',
  fits: (row) => 'conversations' in row || 'conversation' in row,
  fields: ['conversations', 'conversation', 'system', ...fieldsBeside],
  read(row, place, { onUnknown }) {
    const field = 'conversations' in row ? 'conversations' : 'conversation';
    const given = fromJson(row[field]);
    if (!Array.isArray(given) || given.length === 0) {
      throw invalid(place, `"${field}" must be a list of at least one turn, got ${describeValue(row[field])}.`);
    }
    const system = isGiven(row['system']) ? [{ role: 'system', content: stringField(row, 'system', place) }] : [];
    const turns = given.map((turn: unknown, index) => messageOf(turn, { place, field, index }));
    const read = readMessages([...system, ...turns]);
    const { messages, learned, unknown } = orThrow(
      read instanceof FieldProblem ? named(read, { field, given, before: system.length }) : read,
      place,
    );
    for (const name of unknown) onUnknown?.(`${field}[].${name}`);
    return { kind: 'messages', messages, learned, ...readBeside(row, place) };
  },
};

function messageOf(
  turn: unknown,
  { place, field, index }: { readonly place: RowPlace; readonly field: string; readonly index: number },
): unknown {
  if (!isFields(turn) || !('from' in turn)) return turn;
  const { from, value, ...others } = turn;
  const speaker = typeof from === 'string' ? from.toLowerCase() : '';
  if (!calls.includes(speaker)) return { ...others, role: roles[speaker] ?? from, content: value };
  const called = fromJson(value);
  if (!isFields(called) && !Array.isArray(called)) {
    throw invalid(place, `${field}[${index}].value: a call as JSON is expected, got ${describeValue(value)}.`);
  }
  return { ...others, role: 'assistant', content: null, tool_calls: Array.isArray(called) ? called : [called] };
}

/** The problem with the names that the turn has. */
function named(
  { path, problem }: FieldProblem,
  { field, given, before }: { readonly field: string; readonly given: readonly unknown[]; readonly before: number },
): FieldProblem {
  const [index, name, ...rest] = path;
  if (typeof index !== 'number') return new FieldProblem([field, ...path], problem);
  const turn = given[index - before];
  const shown = isFields(turn) && 'from' in turn ? (foreign[String(name)] ?? name) : name;
  return new FieldProblem([field, index - before, ...(shown === undefined ? [] : [shown]), ...rest], problem);
}

const foreign: Readonly<Fields> & Readonly<Record<string, string>> = { role: 'from', content: 'value' };
