import { isFields } from '../field-problem.ts';
import type { Tool } from '../read-tools.ts';

/** The tools of a request, as far as their calls are read by them. */
export interface ToolTypes {
  has(name: string): boolean;
  /** Whether an argument of a tool is a text. undefined: its schema does not say. */
  isText(name: string, argument: string): boolean | undefined;
}

/** What a tool is. */
export interface DescribedTool {
  readonly name: string;
  /** The JSON schema of its arguments. */
  readonly parameters: unknown;
  /** Whether its calls have to follow the schema to the letter. */
  readonly isStrict: boolean;
}

export function describedTool(tool: Tool): DescribedTool {
  const described = isFields(tool['function']) ? tool['function'] : tool;
  const { name, parameters, strict } = described;
  return { name: typeof name === 'string' ? name : '', parameters, isStrict: strict === true };
}

export function toolTypesOf(tools: readonly Tool[]): ToolTypes {
  const byName = new Map(tools.map(describedTool).map(({ name, parameters }) => [name, propertiesOf(parameters)]));
  return {
    has: (name) => byName.has(name),
    isText: (name, argument) => {
      const properties = byName.get(name);
      return properties !== undefined && Object.hasOwn(properties, argument)
        ? isTextOf(properties[argument])
        : undefined;
    },
  };
}

function propertiesOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  return isFields(schema) && isFields(schema['properties']) ? schema['properties'] : undefined;
}

function isTextOf(schema: unknown): boolean | undefined {
  if (!isFields(schema)) return undefined;
  const { type, enum: values } = schema;
  if (typeof type === 'string') return type === 'string';
  if (Array.isArray(type)) return type.includes('string');
  return Array.isArray(values) ? values.every((value) => typeof value === 'string') : undefined;
}
