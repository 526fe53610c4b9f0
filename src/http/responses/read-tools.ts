import { z } from 'zod';
import { describeValue, FieldProblem, isFields, readEach } from '../../chat/index.ts';
import { readWith } from './read-with.ts';

/** Many times more than a model is told of. */
const maxTools = 1024;

/** A function that the answer may call. */
export interface FunctionTool {
  readonly type: 'function';
  readonly name: string;
  readonly description: string | null;
  /** A JSON schema. null: it takes no arguments. */
  readonly parameters: Readonly<Record<string, unknown>> | null;
  /** Whether the arguments have to follow the schema to the letter. Absent where the request does not say. */
  readonly strict?: boolean;
}

const functions = z.object({
  type: z.literal('function'),
  name: z.string().min(1).max(128),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});

/** Reads `tools`. Only functions are there: the others are run by OpenAI's servers. */
export function readTools(value: unknown): readonly FunctionTool[] | FieldProblem {
  if (!Array.isArray(value)) return new FieldProblem([], `a list of tools is expected, got ${describeValue(value)}`);
  if (value.length > maxTools) return new FieldProblem([], `${value.length} came, and at most ${maxTools} are taken`);
  const names = new Set<string>();
  return readEach(value, (item) => {
    const tool = readTool(item);
    if (tool instanceof FieldProblem) return tool;
    if (names.has(tool.name)) return new FieldProblem(['name'], `there is another tool ${JSON.stringify(tool.name)}`);
    names.add(tool.name);
    return tool;
  });
}

function readTool(item: unknown): FunctionTool | FieldProblem {
  if (!isFields(item)) return new FieldProblem([], `a tool is an object, got ${describeValue(item)}`);
  const { type } = item;
  if (type !== 'function') {
    const problem = `"function" is expected, got ${describeValue(type)}; no other tools are run here`;
    return new FieldProblem(['type'], problem);
  }
  if (isFields(item['function'])) {
    const problem = 'it belongs to chat completions; here name, description and parameters stand in the tool itself';
    return new FieldProblem(['function'], problem);
  }
  const read = readWith(functions, item);
  if (read instanceof FieldProblem) return read;
  const { description = null, parameters = null, strict } = read;
  return { type, name: read.name, description, parameters, ...(typeof strict === 'boolean' && { strict }) };
}
