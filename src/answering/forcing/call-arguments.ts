import { describedTool, isFields, type LooseCall, type TaggedCall, type Tool } from '../../chat/index.ts';
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

/** The arguments of a tool as a programming language writes them, in the order of its schema. */
export function looseArguments(form: LooseCall, tool: Tool, literal: (text: string) => Parts): ConstraintSpec {
  const { parameters, isStrict } = describedTool(tool);
  const schema = isFields(parameters) ? parameters : {};
  const properties = Object.entries(isFields(schema['properties']) ? schema['properties'] : {});
  const required: readonly unknown[] = Array.isArray(schema['required']) ? schema['required'] : [];
  const separator = form.pair === '=' ? ', ' : ',';
  const argumentOf = ([key, property]: (typeof properties)[number]): ConstraintSpec => ({
    kind: 'sequence',
    parts: [`${key}${form.pair}`, ...looseValue(property, { form, schema, isLoose: !isStrict, literal })],
  });
  // WHY from the end: a comma stands only between two that are written.
  let behind: ConstraintSpec = { kind: 'sequence', parts: [] };
  let alone: ConstraintSpec = behind;
  for (const property of properties.toReversed()) {
    const written = argumentOf(property);
    const isRequired = required.includes(property[0]);
    const next: ConstraintSpec = { kind: 'sequence', parts: [separator, written, behind] };
    const first: ConstraintSpec = { kind: 'sequence', parts: [written, behind] };
    alone = isRequired ? first : { kind: 'any-of', options: [first, alone] };
    behind = isRequired ? next : { kind: 'any-of', options: [next, behind] };
  }
  return { kind: 'sequence', parts: [form.open, alone, form.open === '(' ? ')' : '}'] };
}

interface LooseOptions extends ValueOptions {
  readonly form: LooseCall;
  readonly literal: (text: string) => Parts;
}

function looseValue(property: unknown, { form, literal, ...options }: LooseOptions): Parts {
  const { type, enum: values } = isFields(property) ? property : {};
  const [quote, isMark] = [literal(form.quote), form.quote.length > 1];
  if (type === 'string' && isMark) {
    const text: ConstraintSpec = Array.isArray(values)
      ? { kind: 'choice', choices: values.map(String) }
      : { kind: 'regex', pattern: '[^<]*' };
    return [...quote, text, ...quote];
  }
  if (type === 'boolean' && form.pair === '=') return [{ kind: 'choice', choices: ['True', 'False'] }];
  return [valueOf(property, { ...options, quotesTexts: true })];
}

interface ValueOptions {
  /** The schema of all arguments, whose definitions a property may name. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly isLoose: boolean;
  /** Whether texts are JSON, too. */
  readonly quotesTexts?: boolean;
}

/** A text stands as it is, and ends before what may be a tag. Other values are JSON. */
function valueOf(property: unknown, { schema, isLoose, quotesTexts = false }: ValueOptions): ConstraintSpec {
  const { type, enum: values } = isFields(property) ? property : {};
  if (!quotesTexts && type === 'string' && Array.isArray(values))
    return { kind: 'choice', choices: values.map(String) };
  if (!quotesTexts && type === 'string') return { kind: 'regex', pattern: '[^<]*' };
  const definitions = Object.entries(schema).filter(([name]) => name === '$defs' || name === 'definitions');
  return {
    kind: 'json-schema',
    schema: isFields(property) ? { ...Object.fromEntries(definitions), ...property } : {},
    isLoose,
  };
}
