import { describeValue, FieldProblem, isFields, readEach, readTools, type Tool } from '../../chat/index.ts';

/** Reads `tools` of Anthropic's API as OpenAI's, which are what templates read. */
export function readMessageTools(value: unknown): readonly Tool[] | undefined | FieldProblem {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return new FieldProblem([], `a list of tools is expected, got ${describeValue(value)}`);
  const functions = readEach(value, readTool);
  return functions instanceof FieldProblem ? functions : readTools(functions);
}

function readTool(value: unknown): Tool | FieldProblem {
  if (!isFields(value)) return new FieldProblem([], `a tool is an object, got ${describeValue(value)}`);
  const { type = 'custom', name, description, input_schema: parameters, strict } = value;
  if (type !== 'custom' && type !== null) {
    const problem = `tools of the server are not there; describe your own with "input_schema", got ${describeValue(type)}`;
    return new FieldProblem(['type'], problem);
  }
  if (typeof name !== 'string' || name === '') {
    return new FieldProblem(['name'], `the name of a tool is expected, got ${describeValue(name)}`);
  }
  if (!isFields(parameters)) {
    return new FieldProblem(['input_schema'], `a JSON schema is expected, got ${describeValue(parameters)}`);
  }
  if (description !== undefined && description !== null && typeof description !== 'string') {
    return new FieldProblem(['description'], `a text is expected, got ${describeValue(description)}`);
  }
  if (strict !== undefined && strict !== null && typeof strict !== 'boolean') {
    return new FieldProblem(['strict'], `true or false is expected, got ${describeValue(strict)}`);
  }
  const told = typeof strict === 'boolean' ? { strict } : {};
  const described = typeof description === 'string' ? { description } : {};
  return { type: 'function', function: { name, ...described, parameters, ...told } };
}
