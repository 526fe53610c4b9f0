import { describeValue, FieldProblem, type Fields } from './field-problem.ts';

/** OpenAI's name, and those of other trainers for the same. */
export const learnedNames: readonly string[] = ['weight', 'train', 'loss', 'training', 'trainable', 'loss_weight'];

/** Fields of other trainers that divide a message into what is learned and what is not. */
const partial: readonly string[] = ['train_detail', 'training_detail', 'loss_mask'];

export const onlyWhole = 'only whole messages are learned or left out; divide the message, or give it a "weight"';

/**
 * Reads whether a message is to be learned: `"weight": 0` or `1`, or `"train"`, `"loss"` or another name of `learnedNames` with true or false.
 *
 * WHY other numbers are refused: the loss counts tokens, each once, and a factor would silently be taken for 1.
 *
 * @returns undefined where the message does not say
 */
export function readLearned(message: Fields, role: string): boolean | undefined | FieldProblem {
  let [found, first]: [boolean | undefined, string] = [undefined, ''];
  const divided = partial.find((name) => message[name] !== undefined && message[name] !== null);
  if (divided !== undefined) return new FieldProblem([divided], onlyWhole);
  for (const name of learnedNames) {
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
