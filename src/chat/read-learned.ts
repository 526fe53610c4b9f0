import { describeValue, FieldProblem, type Fields } from './field-problem.ts';

/** OpenAI's name, and those of other trainers for the same. */
const names = ['weight', 'train', 'loss'] as const;

/**
 * Reads whether a message is to be learned: `"weight": 0` or `1`, or `"train"` or `"loss"` with true or false.
 *
 * WHY other numbers are refused: the loss counts tokens, each once, and a factor would silently be taken for 1.
 *
 * @returns undefined where the message does not say
 */
export function readLearned(message: Fields, role: string): boolean | undefined | FieldProblem {
  let [found, first]: [boolean | undefined, string] = [undefined, ''];
  for (const name of names) {
    const value = message[name];
    if (value === undefined || value === null) continue;
    const read = asFlag(value);
    if (read === undefined) {
      const problem = `0 or 1 is expected (whether the message counts in the loss), got ${describeValue(value)}`;
      return new FieldProblem([name], problem);
    }
    if (read && role !== 'assistant') {
      return new FieldProblem([name], `only messages of the assistant are learned, and this one is of ${role}`);
    }
    if (found !== undefined && found !== read) return new FieldProblem([name], `it contradicts "${first}"`);
    [found, first] = [read, name];
  }
  return found;
}

function asFlag(value: unknown): boolean | undefined {
  if (value === 0 || value === false) return false;
  return value === 1 || value === true ? true : undefined;
}
