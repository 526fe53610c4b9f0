import { EspalierError, type Steps } from '../../core/index.ts';
import type { Expression, Rule } from '../automaton/expression.ts';
import type { Expressions } from '../automaton/expressions.ts';
import type { JsonText } from '../characters/json-text.ts';
import { limits } from '../limits.ts';
import { arrayForm } from './array-form.ts';
import type { JsonValues } from './json-values.ts';
import { isAnnotation, isKnownKeyword, keywordsOfType, type SchemaType } from './keywords.ts';
import { mergeSchemas } from './merge-schemas.ts';
import { numberForm } from './number-form.ts';
import { readArray } from './read-array.ts';
import { readObject } from './read-object.ts';
import { objectForm } from './object-form.ts';
import {
  below,
  invalid,
  isSchemaObject,
  listOf,
  type PlacedSchema,
  type SchemaObject,
  shown,
  unsupported,
} from './schema-object.ts';
import { isOfType, typesOf } from './schema-types.ts';
import { stringForm } from './string-form.ts';

export interface SchemaParts {
  readonly expressions: Expressions;
  readonly text: JsonText;
  readonly values: JsonValues;
  /** Leaves out keywords that cannot be kept, and refuses none. */
  readonly isLoose: boolean;
}

/**
 * Makes the expression of the values that a JSON schema allows.
 * @throws EspalierError CONSTRAINT_INVALID, CONSTRAINT_UNSUPPORTED, CONSTRAINT_TOO_LARGE
 */
export function* buildSchema(schema: unknown, parts: SchemaParts): Steps<Expression> {
  return yield* new SchemaBuilder(schema, parts).valueOf(schema, '#');
}

/** WHY a limit: alternatives inside of alternatives multiply. */
const mostSchemas = 20_000;

class SchemaBuilder {
  readonly #root: unknown;
  readonly #parts: SchemaParts;
  /** The rules of references, by their pointers. */
  readonly #rules = new Map<string, Rule>();
  #depth = 0;
  #count = 0;

  constructor(root: unknown, parts: SchemaParts) {
    this.#root = root;
    this.#parts = parts;
  }

  /** The values of a schema, which may be `true` or `false`. */
  *valueOf(schema: unknown, place: string): Steps<Expression> {
    const { expressions, values } = this.#parts;
    if (schema === true) return values.value;
    if (schema === false) return expressions.never;
    if (!isSchemaObject(schema)) throw invalid(`a schema is expected, got ${shown(schema)},`, place);
    yield;
    if (++this.#depth > limits.nesting) throw tooLarge('its nested schemas', limits.nesting);
    if (++this.#count > mostSchemas) throw tooLarge('its schemas', mostSchemas);
    const value = yield* this.#objectSchema({ schema: this.#checked(schema, place), place });
    this.#depth--;
    return value;
  }

  /** Refuses keywords that cannot be kept, or leaves them out. */
  #checked(schema: SchemaObject, place: string): SchemaObject {
    const unknown = Object.keys(schema).filter((keyword) => !isKnownKeyword(keyword) && schema[keyword] !== undefined);
    const [first] = unknown;
    if (first === undefined) return schema;
    if (!this.#parts.isLoose) throw unsupported(`the keyword ${JSON.stringify(first)}`, below(place, first));
    return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !unknown.includes(keyword)));
  }

  *#objectSchema(placed: PlacedSchema): Steps<Expression> {
    const { schema, place } = placed;
    if (schema['$ref'] !== undefined) return yield* this.#reference(placed);
    for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
      if (schema[keyword] === undefined) continue;
      const { [keyword]: _, ...rest } = schema;
      const options = listOf(placed, keyword) ?? [];
      if (options.length === 0) throw invalid('at least one schema is expected, got none', below(place, keyword));
      if (keyword === 'allOf') return yield* this.valueOf(this.#all([rest, ...options], place), place);
      return yield* this.#anyOf(rest, options, below(place, keyword));
    }
    if (schema['const'] !== undefined) return this.#literals([schema['const']], placed, 'const');
    const values = listOf(placed, 'enum');
    if (values !== undefined) return this.#literals(values, placed, 'enum');
    return yield* this.#typed(placed);
  }

  *#anyOf(rest: SchemaObject, options: readonly unknown[], place: string): Steps<Expression> {
    const isAlone = Object.keys(rest).every(isAnnotation);
    const made: Expression[] = [];
    for (const [index, option] of options.entries()) {
      const at = below(place, index);
      made.push(yield* this.valueOf(isAlone ? option : this.#all([rest, option], at), at));
    }
    return this.#parts.expressions.choice(...made);
  }

  /** One schema of several that hold at the same time. */
  #all(schemas: readonly unknown[], place: string): unknown {
    let merged: SchemaObject = {};
    for (const schema of schemas) {
      if (schema === true) continue;
      if (schema === false) return false;
      if (!isSchemaObject(schema)) throw invalid(`a schema is expected, got ${shown(schema)},`, place);
      const whole = this.#checked(this.#withoutReference(schema, place), place);
      const { allOf, ...own } = whole;
      if (allOf !== undefined && !Array.isArray(allOf)) throw invalid('a list is expected', below(place, 'allOf'));
      const inner: unknown = allOf === undefined ? own : this.#deeper(() => this.#all([own, ...allOf], place));
      if (inner === false) return false;
      if (isSchemaObject(inner)) merged = mergeSchemas(merged, inner, place);
    }
    return merged;
  }

  #withoutReference(schema: SchemaObject, place: string): SchemaObject {
    const { $ref: pointer, ...rest } = schema;
    if (pointer === undefined) return schema;
    const target = this.#target(pointer, place);
    if (!isSchemaObject(target)) throw invalid(`${shown(pointer)} is no object`, place);
    return this.#deeper(() => mergeSchemas(rest, this.#withoutReference(target, place), place));
  }

  #deeper<Result>(work: () => Result): Result {
    if (++this.#depth > limits.nesting) throw tooLarge('its nested schemas', limits.nesting);
    const result = work();
    this.#depth--;
    return result;
  }

  *#reference({ schema, place }: PlacedSchema): Steps<Expression> {
    const { $ref: pointer, ...rest } = schema;
    const target = this.#target(pointer, place);
    if (!Object.keys(rest).every(isAnnotation)) return yield* this.valueOf(this.#all([schema], place), place);
    const key = String(pointer);
    const known = this.#rules.get(key);
    if (known !== undefined) return known;
    const rule = this.#parts.expressions.rule(key);
    this.#rules.set(key, rule);
    rule.body = yield* this.valueOf(target, key);
    return rule;
  }

  /** What a reference inside of the document points to. */
  #target(pointer: unknown, place: string): unknown {
    if (typeof pointer !== 'string')
      throw invalid(`a reference is expected, got ${shown(pointer)},`, below(place, '$ref'));
    if (pointer !== '#' && !pointer.startsWith('#/'))
      throw unsupported(`a reference to ${shown(pointer)}`, below(place, '$ref'));
    let target = this.#root;
    for (const part of pointer.split('/').slice(1)) {
      const name = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~');
      const isIn = typeof target === 'object' && target !== null && Object.hasOwn(target, name);
      if (!isIn) throw invalid(`nothing is at ${shown(pointer)}, named`, below(place, '$ref'));
      target = Reflect.get(Object(target), name);
    }
    return target;
  }

  /** Values that are named one by one, written compactly. */
  #literals(values: readonly unknown[], placed: PlacedSchema, keyword: string): Expression {
    const { expressions } = this.#parts;
    const other = Object.values(keywordsOfType)
      .flat()
      .find((name) => placed.schema[name] !== undefined);
    if (other !== undefined) throw unsupported(`${other} together with ${keyword}`, below(placed.place, other));
    if (keyword === 'const' && placed.schema['enum'] !== undefined)
      throw unsupported('enum together with const', placed.place);
    const types = typesOf(placed);
    const kept = values.filter((value) => types === undefined || types.some((type) => isOfType(value, type)));
    return expressions.texts(kept.map((value) => JSON.stringify(value)));
  }

  *#typed(placed: PlacedSchema): Steps<Expression> {
    const types = typesOf(placed);
    if (types === undefined) return this.#parts.values.value;
    const made: Expression[] = [];
    // A whole number is a number.
    for (const type of types.includes('number') ? types.filter((name) => name !== 'integer') : types) {
      made.push(yield* this.#ofType(type, placed));
    }
    return this.#parts.expressions.choice(...made);
  }

  *#ofType(type: SchemaType, placed: PlacedSchema): Steps<Expression> {
    const { expressions, values } = this.#parts;
    switch (type) {
      case 'null':
        return values.null;
      case 'boolean':
        return values.boolean;
      case 'number':
      case 'integer':
        return numberForm(placed, type, this.#parts);
      case 'string':
        return yield* stringForm(placed, this.#parts);
      case 'array':
        return arrayForm(yield* readArray(placed, this.#reading), values, expressions);
      case 'object':
        return objectForm(yield* readObject(placed, this.#reading), values, expressions);
    }
  }

  get #reading(): SchemaReading {
    return { ...this.#parts, valueOf: (schema, place) => this.valueOf(schema, place) };
  }
}

/** What the parts of a schema are read with. */
export interface SchemaReading extends SchemaParts {
  readonly valueOf: (schema: unknown, place: string) => Steps<Expression>;
}

function tooLarge(what: string, limit: number): EspalierError {
  return new EspalierError('CONSTRAINT_TOO_LARGE', { what, limit });
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
