import { describeValue, isFields, readMessages, type Fields } from '../../../chat/index.ts';
import { isGiven, orThrow, stringField } from '../row-fields.ts';
import { invalid, type RowPlace } from '../row.ts';
import type { RowFormat } from './row-format.ts';

const inputs = ['input', 'context'] as const;
const outputs = ['output', 'response'] as const;

/**
 * Alpaca's instructions: a question of the user and its answer. With a chat template, the input follows the instruction on a line of its
 * own. Without one, the row is written with the headings of the Alpaca project, whose text many bases know.
 */
export const alpacaFormat: RowFormat = {
  description: '"instruction" and "output" (with "input" or without)',
  fits: (row) => 'instruction' in row && outputs.some((name) => name in row),
  fields: (row) => ['instruction', ...inputs, outputOf(row), 'system', 'history'],
  read(row, place) {
    const instruction = stringField(row, 'instruction', place);
    const input = optional(row, inputs, place);
    const output = stringField(row, outputOf(row), place);
    const system = optional(row, ['system'], place);
    const earlier = historyOf(row['history'], place);
    const asked = input === '' ? instruction : `${instruction}\n${input}`;
    const turns = [
      ...(system === '' ? [] : [{ role: 'system', content: system }]),
      ...earlier.flatMap(([question, answer]) => [
        { role: 'user', content: question },
        { role: 'assistant', content: answer },
      ]),
      { role: 'user', content: asked },
      { role: 'assistant', content: output },
    ];
    const { messages, learned } = orThrow(readMessages(turns), place);
    const prompt = earlier.length === 0 && system === '' ? { plain: plainForm(instruction, input, output) } : {};
    return { kind: 'messages', messages, learned, ...prompt };
  },
};

function outputOf(row: Fields): string {
  return outputs.find((name) => name in row) ?? 'output';
}

function optional(row: Fields, names: readonly string[], place: RowPlace): string {
  const given = names.filter((name) => isGiven(row[name]));
  const [name, second] = given;
  if (second !== undefined) throw invalid(place, `it has "${name ?? ''}" and "${second}". Leave one of them out.`);
  return name === undefined ? '' : stringField(row, name, place);
}

function historyOf(value: unknown, place: RowPlace): readonly (readonly [string, string])[] {
  if (!isGiven(value)) return [];
  if (!Array.isArray(value)) throw invalid(place, `"history" must be a list of pairs, got ${describeValue(value)}.`);
  return value.map((pair: unknown, index) => {
    const [question, answer]: readonly unknown[] = Array.isArray(pair) && pair.length === 2 ? pair : [];
    if (typeof question === 'string' && typeof answer === 'string') return [question, answer] as const;
    const got = isFields(pair) ? 'an object' : describeValue(pair);
    throw invalid(place, `history[${index}] must be a question and its answer, got ${got}.`);
  });
}

/** @see Taori et al. 2023, "Stanford Alpaca", the two prompts of its training data */
function plainForm(instruction: string, input: string, output: string): { prompt: string; completion: string } {
  const task = 'Below is an instruction that describes a task';
  const paired = ', paired with an input that provides further context';
  const request = 'Write a response that appropriately completes the request.';
  const opening = `${task}${input === '' ? '' : paired}. ${request}`;
  const middle = input === '' ? '' : `### Input:\n${input}\n\n`;
  return { prompt: `${opening}\n\n### Instruction:\n${instruction}\n\n${middle}### Response:\n`, completion: output };
}
