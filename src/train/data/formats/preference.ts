import { isDeepStrictEqual } from 'node:util';
import { describeValue, isFields, type Fields } from '../../../chat/index.ts';
import { preferenceProblem, stringField } from '../row-fields.ts';
import { invalid, type Row, type RowPlace } from '../row.ts';
import { continued } from './prompt-completion.ts';
import { fieldsBeside, fromJson, readBeside, readTurns, type Turns } from './read-turns.ts';
import type { ReadFormatOptions, RowFormat } from './row-format.ts';

const trlFields = ['prompt', 'chosen', 'rejected', 'score_chosen', 'score_rejected'];
const openAiFields = ['input', 'preferred_output', 'non_preferred_output'];

/**
 * Rows with two answers: TRL's `chosen` and `rejected` (with `prompt` or without), and OpenAI's `preferred_output` and
 * `non_preferred_output`. Espalier learns no preference; where that is asked for, it learns the better answer.
 */
export const preferenceFormat: RowFormat = {
  description: '"chosen" and "rejected"',
  fits: (row) => ('chosen' in row && 'rejected' in row) || ('preferred_output' in row && 'non_preferred_output' in row),
  fields: (row) => [...('preferred_output' in row ? openAiFields : trlFields), ...fieldsBeside],
  read(row, place, options) {
    if (options.chosen !== true) {
      throw invalid(place, preferenceProblem);
    }
    return 'preferred_output' in row ? openAiRow(row, place, options) : trlRow(row, place, options);
  },
};

function openAiRow(row: Fields, place: RowPlace, options: ReadFormatOptions): Row {
  const input = fromJson(row['input']);
  if (!isFields(input)) throw invalid(place, `"input" must be an object with "messages", got ${describeValue(input)}.`);
  const asked = readTurns(input['messages'], { field: 'input.messages', place, options });
  const answered = readTurns(row['preferred_output'], { field: 'preferred_output', place, options });
  return { kind: 'messages', ...continued(asked, answered), ...readBeside(input, place) };
}

function trlRow(row: Fields, place: RowPlace, options: ReadFormatOptions): Row {
  const [prompt, chosen, rejected] = [turnsIn(row['prompt']), turnsIn(row['chosen']), turnsIn(row['rejected'])];
  if (!Array.isArray(chosen)) return textRow(row, place);
  const answer = readTurns(chosen, { field: 'chosen', place, options });
  const tools = readBeside(row, place);
  if (Array.isArray(prompt)) {
    const asked = readTurns(prompt, { field: 'prompt', place, options });
    const isRepeated = prompt.length < chosen.length && commonCount(prompt, chosen) === prompt.length;
    return {
      kind: 'messages',
      ...(isRepeated ? learnedAfter(answer, prompt.length) : continued(asked, answer)),
      ...tools,
    };
  }
  if (!Array.isArray(rejected)) {
    throw invalid(place, `"rejected" must be a list of messages like "chosen", got ${describeValue(row['rejected'])}.`);
  }
  const asked = row['prompt'];
  if (asked !== undefined && asked !== null && !answer.messages.some(({ content }) => content === asked)) {
    throw invalid(place, '"prompt" must be a list of messages like "chosen", or be one of its messages.');
  }
  return { kind: 'messages', ...learnedAfter(answer, commonCount(chosen, rejected)), ...tools };
}

function textRow(row: Fields, place: RowPlace): Row {
  const [chosen, rejected] = [stringField(row, 'chosen', place), stringField(row, 'rejected', place)];
  if ('prompt' in row) {
    return { kind: 'completion', prompt: stringField(row, 'prompt', place), completion: chosen };
  }
  let shared = 0;
  while (shared < chosen.length && chosen[shared] === rejected[shared]) shared++;
  return { kind: 'completion', prompt: chosen.slice(0, shared), completion: chosen.slice(shared) };
}

function turnsIn(value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('[{') ? fromJson(value) : value;
}

/** How many messages both begin with. Of two answers these are the prompt. */
function commonCount(some: readonly unknown[], others: readonly unknown[]): number {
  let count = 0;
  while (count < some.length && isDeepStrictEqual(some[count], others[count])) count++;
  return count;
}

function learnedAfter({ messages, learned }: Turns, count: number): Turns {
  return { messages, learned: learned.map((one, index) => (index < count ? false : one)) };
}
