import { EspalierError, type Steps } from '../core/index.ts';
import type { Expression } from './automaton/expression.ts';
import { Expressions } from './automaton/expressions.ts';
import type { Range } from './automaton/symbol-set.ts';
import { oneOf } from './characters/character-set.ts';
import { JsonText } from './characters/json-text.ts';
import type { ConstraintSpec } from './constraint-spec.ts';
import type { Form } from './constraint.ts';
import { limits } from './limits.ts';
import { buildPattern } from './regex/build-pattern.ts';
import { buildSchema } from './schema/build-schema.ts';
import { JsonValues } from './schema/json-values.ts';

/**
 * Compiles a form.
 * @param writable  the bytes that the vocabulary can write
 * @throws EspalierError CONSTRAINT_INVALID, CONSTRAINT_UNSUPPORTED, CONSTRAINT_TOO_LARGE
 */
export function* formOf(spec: ConstraintSpec, writable: readonly Range[]): Steps<Form> {
  const expressions = new Expressions(writable);
  const text = new JsonText(expressions);
  const values = new JsonValues(expressions, text);
  const root = yield* new FormReader({ expressions, text, values }).read(spec, 0);
  yield* expressions.settleHeights();
  return { root, expressions, stringCharacter: text.character };
}

interface FormParts {
  readonly expressions: Expressions;
  readonly text: JsonText;
  readonly values: JsonValues;
}

class FormReader {
  readonly #parts: FormParts;

  constructor(parts: FormParts) {
    this.#parts = parts;
  }

  *read(spec: ConstraintSpec, depth: number): Steps<Expression> {
    const { expressions, text, values } = this.#parts;
    if (depth > limits.nesting)
      throw new EspalierError('CONSTRAINT_TOO_LARGE', { what: 'its nested forms', limit: limits.nesting });
    yield;
    switch (spec.kind) {
      case 'json-object':
        return expressions.sequence(text.space, values.object);
      case 'json-schema':
        return expressions.sequence(
          text.space,
          yield* buildSchema(spec.schema, { ...this.#parts, isLoose: spec.isLoose ?? false }),
        );
      case 'regex':
        return yield* buildPattern(spec.pattern, {
          expressions,
          oneOf: (set) => oneOf(set, expressions),
          place: 'the pattern',
        });
      case 'choice':
        return choiceOf(spec.choices, expressions);
      case 'sequence':
        return expressions.sequence(...(yield* this.#readAll(spec.parts, depth)));
      case 'any-of':
        return expressions.choice(...(yield* this.#readAll(spec.options, depth)));
      case 'repeat':
        return expressions.repeat(yield* this.read(spec.part, depth + 1), spec.least, spec.most ?? Infinity);
      case 'token':
        return expressions.special(spec.id);
    }
  }

  *#readAll(parts: readonly (ConstraintSpec | string)[], depth: number): Steps<Expression[]> {
    const read: Expression[] = [];
    for (const part of parts) {
      read.push(typeof part === 'string' ? this.#parts.expressions.text(part) : yield* this.read(part, depth + 1));
    }
    return read;
  }
}

function choiceOf(choices: readonly string[], expressions: Expressions): Expression {
  if (choices.length === 0) {
    throw new EspalierError('CONSTRAINT_INVALID', {
      problem: 'at least one choice is expected, got none',
      place: 'the choices',
    });
  }
  return expressions.texts(choices);
}
