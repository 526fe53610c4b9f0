import { describeValue, FieldProblem, isFields, readEach, type Fields } from './field-problem.ts';
import { parsed } from './read-tool-calls.ts';

/** Many times more than a model is told of. */
const maxTools = 1024;

/** A tool as templates take it: OpenAI's `{"type": "function", "function": {...}}`, or any object with a name. */
export type Tool = Fields;

/**
 * Reads `tools`, a list or its JSON as a text, as data sets keep it. The tools stay as they are written.
 * @returns undefined where there are none
 */
export function readTools(value: unknown): readonly Tool[] | undefined | FieldProblem {
  const list = typeof value === 'string' ? parsed(value) : value;
  if (list === undefined && typeof value === 'string' && value.trim() === '') return undefined;
  if (list === null || (list === undefined && value === undefined)) return undefined;
  if (!Array.isArray(list)) {
    return new FieldProblem([], `a list of tools, or its JSON as a text, is expected, got ${describeValue(value)}`);
  }
  if (list.length > maxTools) return new FieldProblem([], `${list.length} came, and at most ${maxTools} are taken`);
  const tools = readEach(list, readTool);
  return tools instanceof FieldProblem || tools.length > 0 ? tools : undefined;
}

/** Reads the tools that stand beside messages, under OpenAI's name or under its older one. */
export function readToolsBeside({ tools, functions }: Fields): readonly Tool[] | undefined | FieldProblem {
  const read = readTools(tools);
  if (read instanceof FieldProblem) return read.within('tools');
  const older = readFunctions(functions);
  if (older instanceof FieldProblem) return older.within('functions');
  if (read === undefined || older === undefined) return read ?? older;
  return new FieldProblem(['functions'], '"tools" are there too; leave one of them out');
}

/** Reads the older `functions`: the same without the object around each. */
export function readFunctions(value: unknown): readonly Tool[] | undefined | FieldProblem {
  const found = readTools(value);
  return found === undefined || found instanceof FieldProblem ? found : found.map(wrapped);
}

function wrapped(tool: Tool): Tool {
  return isFields(tool['function']) ? tool : { type: 'function', function: tool };
}

function readTool(value: unknown): Tool | FieldProblem {
  const described = isFields(value) && isFields(value['function']) ? value['function'] : value;
  if (isFields(value) && isFields(described) && typeof described['name'] === 'string') return value;
  return new FieldProblem(
    [],
    `{"type": "function", "function": {"name", ...}} is expected, got ${describeValue(value)}`,
  );
}
