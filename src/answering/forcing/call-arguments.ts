import { describedTool, isFields, type TaggedCall, type Tool } from '../../chat/index.ts';
import type { ConstraintSpec } from '../../constrain/index.ts';
import type { Parts } from './literal-parts.ts';

/** The JSON of a tool's arguments. A schema is followed as far as forms can, or refused where the tool says `strict`. */
export function argumentsOf(tool: Tool): ConstraintSpec {
  const { parameters, isStrict } = describedTool(tool);
  // WHY: the arguments are an object, also where a schema does not say so.
  if (!isFields(parameters) || parameters['type'] !== 'object') return { kind: 'json-object' };
  return { kind: 'json-schema', schema: parameters, isLoose: !isStrict };
}

/** The arguments of a tool between tags, in the order of its schema. */
export function taggedArguments(form: TaggedCall, tool: Tool, literal: (text: string) => Parts): Parts {
  const { parameters, isStrict } = describedTool(tool);
  const schema = isFields(parameters) ? parameters : {};
  const properties = isFields(schema['properties']) ? schema['properties'] : {};
  const required: readonly unknown[] = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(properties).map(([key, property]): ConstraintSpec => {
    const value = valueOf(property, { schema, isLoose: !isStrict });
    const parts = [form.keyOpen, key, form.keyClose].flatMap(literal);
    const argument: ConstraintSpec = { kind: 'sequence', parts: [...parts, value, ...literal(form.valueClose)] };
    return { kind: 'repeat', part: argument, least: required.includes(key) ? 1 : 0, most: 1 };
  });
}

interface ValueOptions {
  /** The schema of all arguments, whose definitions a property may name. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly isLoose: boolean;
}

/** A text stands as it is, and ends before what may be a tag. Other values are JSON. */
function valueOf(property: unknown, { schema, isLoose }: ValueOptions): ConstraintSpec {
  const { type, enum: values } = isFields(property) ? property : {};
  if (type === 'string' && Array.isArray(values)) return { kind: 'choice', choices: values.map(String) };
  if (type === 'string') return { kind: 'regex', pattern: '[^<]*' };
  const definitions = Object.entries(schema).filter(([name]) => name === '$defs' || name === 'definitions');
  return {
    kind: 'json-schema',
    schema: isFields(property) ? { ...Object.fromEntries(definitions), ...property } : {},
    isLoose,
  };
}
