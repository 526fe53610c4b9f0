import { parseWithNumbers, withWrittenNumbers } from '../core/index.ts';
import type { ToolCall } from '../tokenizer/index.ts';
import { describeValue, FieldProblem, isFields, readEach } from './field-problem.ts';

/** Many times more than a message has. */
const maxCalls = 256;

/**
 * Reads the `tool_calls` of an assistant: `{"id", "type": "function", "function": {"name", "arguments"}}`, or `{"name", "arguments"}`
 * alone. The order of fields is kept, because a template may write an object whole.
 */
export function readToolCalls(value: unknown): readonly ToolCall[] | FieldProblem {
  if (!Array.isArray(value))
    return new FieldProblem([], `a list of tool calls is expected, got ${describeValue(value)}`);
  if (value.length > maxCalls) return new FieldProblem([], `${value.length} came, and at most ${maxCalls} are taken`);
  return readEach(value, readToolCall);
}

/** Reads the older `function_call`, which is one tool call without an id. */
export function readFunctionCall(value: unknown): ToolCall | FieldProblem {
  return readToolCall({ type: 'function', function: value }) as ToolCall | FieldProblem;
}

function readToolCall(value: unknown): ToolCall | FieldProblem {
  if (!isFields(value)) return new FieldProblem([], `a tool call is an object, got ${describeValue(value)}`);
  const { type } = value;
  if (type !== undefined && type !== null && type !== 'function') {
    return new FieldProblem(['type'], `"function" is expected, got ${describeValue(type)}`);
  }
  const isFlat = !('function' in value) && 'name' in value;
  const called = readCalled(isFlat ? value : value['function']);
  if (called instanceof FieldProblem) return isFlat ? called : called.within('function');
  if (isFlat) return { type: 'function', function: called };
  return withWrittenNumbers({ ...value, type: 'function', function: called }, value);
}

function readCalled(value: unknown): ToolCall['function'] | FieldProblem {
  if (!isFields(value)) {
    return new FieldProblem([], `an object with "name" and "arguments" is expected, got ${describeValue(value)}`);
  }
  const { name, arguments: given = {} } = value;
  if (typeof name !== 'string' || name === '') {
    return new FieldProblem(['name'], `the name of a function is expected, got ${describeValue(name)}`);
  }
  if (isFields(given)) return withWrittenNumbers({ ...value, name, arguments: given }, value);
  const isText = typeof given === 'string' && isFields(parsed(given));
  if (isText) return withWrittenNumbers({ ...value, name, arguments: given }, value);
  const problem = `an object, or its JSON as a text, is expected, got ${describeValue(given)}`;
  return new FieldProblem(['arguments'], problem);
}

/** undefined for a text that is not JSON. */
export function parsed(text: string): unknown {
  try {
    return parseWithNumbers(text);
  } catch {
    return undefined;
  }
}
